//! By whom a request is made: the SDK or the plug-in whose code runs.

mod names;
mod scope;

pub use self::names::Caller;
pub use self::scope::CallerScope;

/// Names the code that makes requests: an SDK, a plug-in, a module of a program.
///
/// What runs within a [`scope`](Caller::scope) of it carries its name: the requests, in their spans
/// (`http_context.caller`), in the [exit report](crate::ExitReport::callers), in the
/// [`snapshot`](crate::snapshot), and in what they leave behind. So whoever runs a job of many parts
/// sees which of them opened what.
///
/// | | is named by |
/// |---|---|
/// | a request, its body, its upgraded connection | the innermost scope in which its future is first polled |
/// | a task of [`spawn`](crate::spawn) and its kin, and what it does | the scope in which it is spawned |
/// | a request of a [plain client](crate::HttpSession::reqwest_client), and a connection made for it | the innermost scope in which it is awaited, but in no task of the SDK's own |
/// | what an SDK sends by an ambient service | [`AmbientSession::with_caller`](crate::AmbientSession::with_caller), in tasks of its own as well |
///
/// A name is for people, and so are its limits: of one that is longer than 64 bytes the rest is cut
/// off, and after 128 distinct names in one process every further one is `_OTHER`. Do not make one
/// of data. No metric has it as a label.
///
/// The name is looked up in a table that all threads share; a [`Caller`] is small and `Copy`, for
/// code that is called often to keep.
///
/// ```
/// # use http_context::{OpenError, caller, http_session, open};
/// # use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("http://{}/", listener.local_addr()?);
/// # tokio::spawn(async move {
/// #     let (mut socket, _) = listener.accept().await.unwrap();
/// #     let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
/// #     while socket.read(&mut [0; 1024]).await.unwrap() > 0 {
/// #         socket.write_all(answer).await.unwrap();
/// #     }
/// # });
/// let (result, report) = open(async {
///     let speech = caller("speech plug-in").scope(async {
///         http_session()?.get(&url).send().await?.text().await
///             .map_err(Box::<dyn std::error::Error>::from)
///     });
///     speech.await?;
///     http_session()?.get(&url).send().await?;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// })
/// .with_report()
/// .await;
/// # result?;
/// let report = report.expect("a context was opened");
/// assert_eq!(report.requests, 2);
/// let [speech] = &report.callers[..] else { panic!("one caller has a name") };
/// assert_eq!((speech.caller.name(), speech.requests), ("speech plug-in", 1));
/// # Ok(())
/// # }
/// ```
pub fn caller(name: impl AsRef<str>) -> Caller {
    Caller::named(name.as_ref())
}
