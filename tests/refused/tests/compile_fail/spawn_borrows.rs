//! A child may outlive what its parent has borrowed.

async fn parent(name: String) {
    let child = http_context::spawn(async { name.len() });
    println!("{name} {:?}", child.await);
}

fn main() {
    drop(parent(String::new()));
}
