//! A server in the thread of the check, at a Unix socket: so nothing takes a port of the machine, however
//! often it is asked, and every host leads to it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};

use http_context::{ContextBuilder, HttpVersions, LeakPolicy};
use tokio::io::AsyncReadExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;

thread_local! {
    static RIG: RefCell<Option<Rig>> = const { RefCell::new(None) };
}

/// What a thread keeps from one check to the next.
struct Rig {
    runtime: Runtime,
    listener: StdListener,
    path: PathBuf,
}

impl Rig {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("http-context-check-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = StdListener::bind(&path).expect("the name is nobody else's");
        let can = listener.set_nonblocking(true);
        can.expect("a listener can be made not to block");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self {
            runtime: runtime.expect("a runtime can be built"),
            listener,
            path,
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Runs what a client does, in a context that has no other server than this, whose connections are in the
/// hands of `serve`.
pub(crate) fn run<T, C, S>(
    client: impl FnOnce(ContextBuilder) -> C,
    serve: impl Fn(UnixStream) -> S,
) -> T
where
    C: Future<Output = T>,
    S: Future<Output = ()> + Send + 'static,
{
    RIG.with_borrow_mut(|rig| {
        let Rig {
            runtime,
            listener,
            path,
        } = rig.get_or_insert_with(Rig::new);
        let path = path.clone();
        let context = http_context::builder()
            .http_versions(HttpVersions::Http1)
            .leaks(LeakPolicy::Off)
            .configure(move |client| client.unix_socket(path.clone()));
        runtime.block_on(async {
            let listener = listener.try_clone().expect("there are descriptors left");
            let listener = UnixListener::from_std(listener).expect("it does not block");
            let mut serving = tokio::task::JoinSet::new();
            let accept = async {
                loop {
                    let (stream, _) = listener.accept().await.expect("a listener accepts");
                    serving.spawn(serve(stream));
                }
            };
            let output = {
                let (mut client, mut accept) = (pin!(client(context)), pin!(accept));
                let output = poll_fn(|cx| {
                    // It accepts until it is dropped.
                    let _ = accept.as_mut().poll(cx).is_ready();
                    client.as_mut().poll(cx)
                });
                output.await
            };
            // What they have seen is whole.
            while let Some(served) = serving.join_next().await {
                served.expect("a server does not panic");
            }
            output
        })
    })
}

/// What a client begins with.
pub(crate) enum Begun {
    /// A request, with the blank line after its head.
    Head(String),
    Tls,
    End,
}

/// Reads a head byte by byte, so that what comes after it is left.
pub(crate) async fn read_head(stream: &mut UnixStream) -> Begun {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(TLS) if head.is_empty() => return Begun::Tls,
            Ok(byte) => head.push(byte),
            Err(_) => return Begun::End,
        }
    }
    Begun::Head(String::from_utf8_lossy(&head).into_owned())
}

/// The first byte of TLS.
const TLS: u8 = 0x16;

/// The value of a header in a head.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().skip(1).find_map(|line| {
        let (of, value) = line.split_once(':')?;
        of.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
