//! What a benchmark does that has started itself in another role.

use std::io::Read as _;

use tokio::sync::oneshot;

/// Ready when standard input has ended.
pub(crate) async fn asked_to_end() {
    let (sender, asked) = oneshot::channel();
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    let _ = asked.await;
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}
