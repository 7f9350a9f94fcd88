//! Registers a few texts to be counted, and shows the results as they come.
//!
//! `cargo run --example wordcount -- 127.0.0.1:50051`

use std::time::Duration;

use millhand::{Client, Record, SubscribeOptions, TaskSpec};
use serde::Deserialize;
use serde_json::json;

const TEXTS: [&str; 3] = ["to be or not to be", "that is the question", ""];

#[derive(Deserialize)]
struct Counted {
    words: u32,
}

#[tokio::main]
async fn main() -> millhand::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".to_owned());
    let client = Client::connect(address)?.with_deadline(Duration::from_secs(60));

    let session = client.session();
    session.subscribe(SubscribeOptions::own()).await?;
    let tasks = TEXTS.map(|text| TaskSpec::new("word_count").json(&json!({"text": text})).name(text));
    session.register_all(tasks).await?;
    session.finish();

    while let Some(record) = session.next().await {
        if let Record::Result(result) = record? {
            let counted: Counted = result.json()?;
            println!("{} words: {:?}", counted.words, result.task().name);
        }
    }
    Ok(())
}
