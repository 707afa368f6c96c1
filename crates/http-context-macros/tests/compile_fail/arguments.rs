//! Each of these is a mistake.

#[http_context_macros::test(flavour = "multi_thread")]
async fn unknown_argument() {}

#[http_context_macros::test(flavor = "many_threads")]
async fn unknown_flavor() {}

#[http_context_macros::test(worker_threads = 2)]
async fn threads_without_the_flavor() {}

#[http_context_macros::test(flavor = "multi_thread", worker_threads = 0)]
async fn no_threads() {}

#[http_context_macros::test(leaks = "ignore")]
async fn unknown_policy() {}

#[http_context_macros::test(leaks = 1)]
async fn not_a_string() {}

#[http_context_macros::test(leaks = "off", leaks = "off")]
async fn twice() {}

fn main() {}
