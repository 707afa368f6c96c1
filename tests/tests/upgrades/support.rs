//! Upgrades in both ways: by the session, and by code that knows `reqwest` alone.

use http_context::{HttpSession, SessionClosed, http_session};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Reads and writes what a connection became.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Who asks for the upgrade.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// [`HttpSession::upgrade`].
    Session,
    /// `Response::upgrade`, as any code calls it.
    Response,
    /// The same through a client of the session, as an SDK calls it.
    Client,
}

impl By {
    pub(crate) const ALL: [Self; 3] = [Self::Session, Self::Response, Self::Client];

    pub(crate) async fn upgrade(self, url: &str) -> Box<dyn Io> {
        let session = http_session().unwrap();
        match self {
            Self::Session => {
                let request = request(&session, url).build().unwrap();
                Box::new(session.upgrade(request).await.unwrap())
            }
            Self::Response => {
                let response = request(&session, url).send().await.unwrap();
                Box::new(response.upgrade().await.unwrap())
            }
            Self::Client => {
                let request = request(&session, url).build().unwrap();
                let client = session.client();
                let response = client.execute(request).await.unwrap();
                Box::new(response.upgrade().await.unwrap())
            }
        }
    }
}

fn request(session: &HttpSession, url: &str) -> http_context::RequestBuilder {
    let request = session.get(url).header("upgrade", "websocket");
    request.header("connection", "upgrade")
}

/// Sends this, and waits for it to come back.
pub(crate) async fn echo(io: &mut (impl Io + ?Sized), text: &[u8]) {
    io.write_all(text).await.unwrap();
    io.flush().await.unwrap();
    let mut back = vec![0; text.len()];
    io.read_exact(&mut back).await.unwrap();
    assert_eq!(back, text);
}

/// The error leads to a session that was closed.
pub(crate) fn assert_closed(error: &std::io::Error) {
    assert!(SessionClosed::find(error).is_some(), "{error:?}");
}
