//! The live page as a person uses it: on a narrow screen, in the dark, without a mouse.

use serde_json::json;

use crate::admin::{HOSTILE, admin_address};
use crate::browser::{Browser, SCHEMES};
use crate::control::{TOKEN, command};
use crate::support::{Files, Gate, Running, nobody, to_lines};

/// A worker with a job that runs, one that failed for good, and one that waits for its next attempt.
fn busy(files: &Files, gate: &Gate) -> (Running, String) {
    let lines = [
        json!({"id": HOSTILE, "url": nobody()}),
        json!({"id": "lasts", "url": gate.url("/lasts")}),
        json!({"id": "also-lasts", "url": gate.url("/also-lasts")}),
    ];
    files.write("jobs", to_lines(lines));
    let more = [
        "--max-attempts",
        "2",
        "--retry-delay",
        "60",
        "--concurrency",
        "8",
    ];
    let mut run = Running::start(&mut command(files, None, &more));
    let address = admin_address(&mut run);
    (run, format!("http://{address}/"))
}

/// The lowest contrast of any text that is shown, by WCAG's formula, and that text.
const LOWEST_CONTRAST: &str = r#"(() => {
  const rgb = color => color.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor, parts = rgb(color);
      if (parts.length === 3 || parts[3] > 0) return parts;
    }
    return [255, 255, 255];
  };
  let lowest = [99, "nothing"], seen = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !node.checkVisibility() || ["SCRIPT", "STYLE"].includes(node.tagName)) continue;
    const style = getComputedStyle(node), color = node.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [a, b] = [light(rgb(color)), light(behind(node))].sort((a, b) => b - a);
    const contrast = (a + 0.05) / (b + 0.05);
    seen++;
    if (contrast < lowest[0]) lowest = [contrast, walk.currentNode.textContent];
  }
  return [...lowest, seen];
})()"#;

#[test]
fn the_page_fits_a_narrow_screen_and_can_be_read_in_both_colour_schemes() {
    let (files, gate, mut browser) = (Files::new(), Gate::start(), Browser::start());
    let (_run, url) = busy(&files, &gate);
    let _arrivals = [gate.next(), gate.next()];
    let mut grounds = Vec::new();
    for scheme in SCHEMES {
        for width in [400, 1200] {
            browser.open(&url, width, scheme);
            browser.until("document.querySelectorAll('#failures-rows button').length === 2");
            let widths = browser.value("[document.documentElement.scrollWidth, innerWidth]");
            assert!(
                widths[0].as_u64() <= widths[1].as_u64(),
                "{width}: it scrolls sideways: {widths}"
            );
            assert_eq!(widths[1], width);
            // Nor does any table, on a narrow screen.
            let wide = "[...document.querySelectorAll('.scroll')].filter(of => of.scrollWidth > of.clientWidth).length";
            if width == 400 {
                assert_eq!(browser.value(wide), 0, "{scheme}");
            }
            let contrast = browser.value(LOWEST_CONTRAST);
            assert!(
                contrast[0].as_f64() >= Some(4.5),
                "{scheme} {width}: {contrast}"
            );
            assert!(contrast[2].as_u64() > Some(40), "{contrast}");
        }
        grounds.push(browser.value("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(grounds[0], grounds[1]);
}

#[test]
fn a_job_is_cancelled_with_the_keyboard_alone() {
    let (files, gate, mut browser) = (Files::new(), Gate::start(), Browser::start());
    let (run, url) = busy(&files, &gate);
    let mut arrivals = [gate.next(), gate.next()];
    arrivals.sort_by_key(|arrival| arrival.path().to_owned());
    let [also, lasts] = arrivals;
    browser.open(&url, 400, "dark");
    browser.until("document.querySelectorAll('#under-way-rows button').length === 2");
    // Without the token it says what is missing, and leads there.
    let before = browser.tab_to("it.getAttribute('aria-label') === 'Cancel job lasts'");
    assert_eq!(
        before[..4],
        ["metrics", "contexts", "latency", "token"],
        "{before:?}"
    );
    let outline = browser.value("getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth");
    assert_eq!(outline, "solid3px");
    browser.press("Enter");
    browser.until("document.getElementById('told').textContent.startsWith('first give the token')");
    browser.until("document.activeElement.id === 'token'");
    browser.type_in("wrong-horse-battery-staple");
    browser.press("Enter");
    cancel_lasts(&mut browser);
    browser.until("document.getElementById('told').textContent.includes('send the token')");
    // The focus stays while the page is filled anew each second.
    browser.value("globalThis.focused = document.activeElement; globalThis.was = polls");
    browser.until("polls > was + 2");
    assert_eq!(
        browser.value("focused === document.activeElement && focused.isConnected"),
        true
    );
    browser.value(
        "document.getElementById('token').select(); document.getElementById('token').focus()",
    );
    browser.type_in(TOKEN);
    browser.press("Enter");
    cancel_lasts(&mut browser);
    lasts.wait_closed();
    browser.until("document.getElementById('told').textContent === 'job lasts: the job is cut off, and has failed'");
    browser.until("document.querySelectorAll('#under-way-rows button').length === 1");
    let failed = "document.querySelector('#failures-rows tr').textContent";
    assert!(
        browser
            .value(failed)
            .as_str()
            .unwrap()
            .contains("cancelled at the admin endpoint")
    );
    // The one that waits for its next attempt is run at once.
    browser.tab_to("it.textContent === 'Run now'");
    browser.press("Enter");
    browser.until("document.getElementById('told').textContent.endsWith('the job runs as soon as there is a place for it')");
    also.answer();
    assert_eq!(
        run.wait().summary()["jobs"],
        json!({"ok": 1, "failed": 2, "retried": 1, "rejected": 0})
    );
}

/// Goes to the button and presses it, and then once more, since it asks.
fn cancel_lasts(browser: &mut Browser) {
    browser.tab_to("it.getAttribute('aria-label') === 'Cancel job lasts'");
    browser.press("Enter");
    browser.until("document.activeElement.textContent === 'Really cancel?'");
    browser.press("Enter");
}

#[test]
fn what_can_be_pressed_is_a_button_with_a_name_and_numbers_that_change_are_said_now_and_then() {
    let (files, gate, mut browser) = (Files::new(), Gate::start(), Browser::start());
    let (_run, url) = busy(&files, &gate);
    let _arrivals = [gate.next(), gate.next()];
    browser.open(&url, 1200, "light");
    browser.until("document.querySelectorAll('#failures-rows button').length === 2");
    let nameless = "[...document.querySelectorAll('button, a, input')].filter(of => \
        !(of.getAttribute('aria-label') || of.textContent || of.labels?.length)).length";
    assert_eq!(browser.value(nameless), 0);
    let other = "document.querySelectorAll('[onclick], [role=button], [tabindex]:not([tabindex=\"0\"])').length";
    assert_eq!(browser.value(other), 0);
    let said = browser.value("document.querySelector('[aria-live=polite]').textContent");
    assert_eq!(said, "ready: 3 jobs left, 0 failed, 0 leaks");
    // A token is nowhere but in the field and in the page's memory.
    let kept = "document.cookie + Object.keys(localStorage) + Object.keys(sessionStorage)";
    assert_eq!(browser.value(kept), "");
}
