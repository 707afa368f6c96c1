//! 6 UTF-8.

use http_context_tests::opcode::TEXT;
use http_context_tests::{Frame, Step};

use super::{Case, fragments, run};

const HELLO: &str = "Hello-µ@ßöäüàá-UTF-8!!";
const KOSME: &[u8] = "κόσμε".as_bytes();
/// A surrogate, which UTF-8 has none of.
const BROKEN: &[u8] = b"\xed\xa0\x80";
const EDITED: &[u8] = b"edited";

/// Each byte as a fragment.
fn bytewise(case: Case, text: &[u8]) -> Case {
    let bytes: Vec<_> = text.chunks(1).collect();
    case.send_at_once(&fragments(TEXT, &bytes))
}

#[tokio::test]
async fn cases_6_1_to_6_4_fragments_and_failing_fast() {
    let of = |id: &str, text: &[u8]| Case::passes(id).echo(TEXT, text);
    let broken = [KOSME, BROKEN, EDITED].concat();
    let above = b"\xf4\x90\x80\x80";
    let (first, last) = HELLO.split_at("Hello-µ@ßöä".len());
    // Only what comes after the part that is bad is held back.
    let fast = |id: &str, parts: [&[u8]; 3]| {
        let [one, two, three] = <[Frame; 3]>::try_from(fragments(TEXT, &parts)).unwrap();
        let case = Case::fails(id, 1007).send(&one).send(&two);
        case.step(Step::AwaitClose).send(&three)
    };
    // NON-STRICT.
    let in_frame = |id: &str, text: &[u8]| {
        let bytes = Frame::new(TEXT, text).bytes();
        let (bad, rest) = bytes.split_at(bytes.len() - EDITED.len());
        let case = Case::fails(id, 1007).step(Step::Send(bad.to_vec()));
        case.step(Step::Send(rest.to_vec()))
    };
    run(vec![
        of("6.1.1", b"").send(&Frame::text("")),
        of("6.1.2", b"").send_at_once(&fragments(TEXT, &[b"", b"", b""])),
        of("6.1.3", b"middle frame payload")
            .send_at_once(&fragments(TEXT, &[b"", b"middle frame payload", b""])),
        of("6.2.1", HELLO.as_bytes()).send(&Frame::text(HELLO)),
        of("6.2.2", HELLO.as_bytes())
            .send_at_once(&fragments(TEXT, &[first.as_bytes(), last.as_bytes()])),
        bytewise(of("6.2.3", HELLO.as_bytes()), HELLO.as_bytes()),
        bytewise(of("6.2.4", KOSME), KOSME),
        Case::fails("6.3.1", 1007).send(&Frame::new(TEXT, broken.clone())),
        bytewise(Case::fails("6.3.2", 1007), &broken),
        fast("6.4.1", [KOSME, above, EDITED]),
        fast(
            "6.4.2",
            [
                &[KOSME, b"\xf4"].concat(),
                b"\x90",
                &[b"\x80\x80", EDITED].concat(),
            ],
        ),
        in_frame("6.4.3", &[KOSME, above, EDITED].concat()),
        in_frame("6.4.4", &[KOSME, above, EDITED].concat()),
    ])
    .await;
}

/// Texts by the numbers of their cases, in hexadecimal digits.
const VALID: &[(&str, &[&str])] = &[
    (
        "6.5",
        &[
            "68656c6c6f24776f726c64",
            "68656c6c6fc2a2776f726c64",
            "68656c6c6fe282ac776f726c64",
            "68656c6c6ff0a4ada2776f726c64",
            "cebae1bdb9cf83cebcceb5",
        ],
    ),
    ("6.7", &["00", "c280", "e0a080", "f0908080"]),
    ("6.9", &["7f", "dfbf", "efbfbf", "f48fbfbf"]),
    (
        "6.23",
        &[
            "efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd", "efbfbe", "efbfbf",
        ],
    ),
];

const INVALID: &[(&str, &[&str])] = &[
    ("6.8", &["f888808080", "fc8480808080"]),
    ("6.10", &["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]),
    (
        "6.12",
        &[
            "80",
            "bf",
            "80bf",
            "80bf80",
            "80bf80bf",
            "80bf80bf80",
            "80bf80bf80bf",
            "8081828384bebf",
        ],
    ),
    (
        "6.13",
        &[
            "c020c120c220df20",
            "e020e120ee20ef20",
            "f020f120f620f720",
            "f820f920fa20fb20",
            "fc20fd20",
        ],
    ),
    (
        "6.14",
        &[
            "c0",
            "e080",
            "f08080",
            "f8808080",
            "fc80808080",
            "df",
            "efbf",
            "f7bfbf",
            "fbbfbfbf",
            "fdbfbfbfbf",
        ],
    ),
    (
        "6.15",
        &["c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"],
    ),
    ("6.16", &["fe", "ff", "fefeffff"]),
    (
        "6.17",
        &["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"],
    ),
    (
        "6.18",
        &["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"],
    ),
    (
        "6.19",
        &["c080", "e08080", "f0808080", "f880808080", "fc8080808080"],
    ),
    (
        "6.20",
        &[
            "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf",
        ],
    ),
    (
        "6.21",
        &[
            "eda080edb080",
            "eda080edbfbf",
            "edadbfedb080",
            "edadbfedbfbf",
            "edae80edb080",
            "edae80edbfbf",
            "edafbfedb080",
            "edafbfedbfbf",
        ],
    ),
];

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
    pairs.map(Result::unwrap).collect()
}

fn case(id: String, text: Vec<u8>, is_valid: bool) -> Case {
    let frame = Frame::new(TEXT, text.clone());
    if is_valid {
        Case::passes(id).send(&frame).echo(TEXT, text)
    } else {
        Case::fails(id, 1007).send(&frame)
    }
}

#[tokio::test]
async fn cases_6_5_to_6_23_valid_and_invalid_texts() {
    let mut cases = Vec::new();
    for (table, is_valid) in [(VALID, true), (INVALID, false)] {
        for (group, texts) in table {
            for (nth, text) in texts.iter().enumerate() {
                cases.push(case(format!("{group}.{}", nth + 1), bytes(text), is_valid));
            }
        }
    }
    // Each beginning of a text is one, where it ends with a whole character.
    for length in 1..=KOSME.len() {
        let text = KOSME[..length].to_vec();
        let is_valid = std::str::from_utf8(&text).is_ok();
        cases.push(case(format!("6.6.{length}"), text, is_valid));
    }
    let edges = ["ed9fbf", "ee8080", "efbfbd", "f48fbfbf"];
    for (nth, text) in edges.iter().enumerate() {
        cases.push(case(format!("6.11.{}", nth + 1), bytes(text), true));
    }
    cases.push(case("6.11.5".into(), bytes("f4908080"), false));
    // Those that are no characters are code points all the same: the last two of each plane.
    let planes = (0..=16_u32).flat_map(|plane| [0xfffe, 0xffff].map(|last| plane << 16 | last));
    for (nth, point) in planes.enumerate() {
        let text = char::from_u32(point).unwrap().to_string();
        cases.push(case(format!("6.22.{}", nth + 1), text.into_bytes(), true));
    }
    run(cases).await;
}
