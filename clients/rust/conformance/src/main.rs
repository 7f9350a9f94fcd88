//! Plays the cases of the conformance suite with the Rust client.

mod calls;
mod load;
mod player;
mod sessions;
mod values;

use std::io;
use std::sync::Arc;

use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use player::Player;
use wire::{from_program, from_runner, FromProgram, FromRunner};

/// The generated code of the suite's schema.
#[allow(missing_docs, clippy::all)]
mod wire {
    tonic::include_proto!("millhand.conformance.v1");
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let (said, mut saying) = mpsc::unbounded_channel::<FromProgram>();
    let writing = tokio::spawn(async move {
        let mut output = tokio::io::stdout();
        while let Some(message) = saying.recv().await {
            let data = message.encode_to_vec();
            let length = u32::try_from(data.len()).map_err(io::Error::other)?;
            output.write_all(&length.to_be_bytes()).await?;
            output.write_all(&data).await?;
            output.flush().await?;
        }
        Ok(())
    });
    let mut input = tokio::io::BufReader::new(tokio::io::stdin());
    let mut current: Option<Arc<Player>> = None;
    while let Some(message) = read(&mut input).await? {
        match message.kind {
            Some(from_runner::Kind::Case(case)) => {
                let player = Player::new(case, said.clone());
                current = Some(Arc::clone(&player));
                let said = said.clone();
                tokio::spawn(async move {
                    let fault = player.play().await.err().map(|fault| fault.to_string()).unwrap_or_default();
                    let done = from_program::Kind::Done(wire::Done { fault });
                    said.send(FromProgram { kind: Some(done) })
                });
            }
            Some(from_runner::Kind::GoOn(pause)) => {
                if let Some(player) = &current {
                    player.go_on(pause);
                }
            }
            None => return Err(io::Error::other("the runner says what this program does not know")),
        }
    }
    drop((said, current));
    writing.await.map_err(io::Error::other)?
}

/// The runner's next message; `None` at the end of the input.
async fn read(input: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<FromRunner>> {
    let length = match input.read_u32().await {
        Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        length => length?,
    };
    let mut data = vec![0; length as usize];
    input.read_exact(&mut data).await?;
    FromRunner::decode(&*data).map(Some).map_err(io::Error::other)
}
