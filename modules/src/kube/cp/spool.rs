//! Files that are on their way, kept on this machine's disk rather than in memory: nobody else can open them, and they are gone with
//! their value. What lies where the task runs comes and goes piece by piece.

use crate::command::words::quote;
use crate::tool;
use muster_engine::connection::Command;
use muster_engine::module::{Context, Failure};
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

/// How much is taken at once between a host and this machine.
const PIECE: usize = 4 << 20;

/// A file that is empty.
pub(super) fn empty() -> Result<File, Failure> {
    tempfile::tempfile().map_err(full)
}

/// That this machine has no room.
pub(super) fn full(error: io::Error) -> Failure {
    Failure::new(format!(
        "what is copied cannot be kept here, in {}: {error}",
        std::env::temp_dir().display()
    ))
}

/// The same file for those who wait, at a place in it.
pub(super) async fn reader(file: &File, at: u64) -> Result<tokio::fs::File, Failure> {
    let mut file = tokio::fs::File::from_std(file.try_clone().map_err(full)?);
    file.seek(io::SeekFrom::Start(at)).await.map_err(full)?;
    Ok(file)
}

/// Does what may take long without keeping others waiting.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Failure::new(format!("an archive was not made: {error}"))),
    }
}

/// A file of where the task runs, which is not needed there any more.
pub(super) async fn brought(path: &str, cx: &Context) -> Result<File, Failure> {
    let mut file = empty()?;
    let brought = async {
        for piece in 0_u64.. {
            let words = format!("dd if={} bs={PIECE} skip={piece} count=1 2>/dev/null", quote(path));
            let mut command = Command::new(words);
            command.cap = Some(PIECE);
            let done = cx.exec(command).await?;
            if !done.succeeded() {
                return Err(tool::failed(
                    format!("{path} on {} cannot be read", cx.host),
                    Some(done.rc),
                    "",
                    &done.err(),
                ));
            }
            file.write_all(&done.stdout).map_err(full)?;
            if done.stdout.len() < PIECE {
                break;
            }
        }
        file.rewind().map_err(full)
    };
    let brought = brought.await;
    cx.exec(Command::new(format!("rm -f {}", quote(path)))).await?;
    brought.map(|()| file)
}

/// Puts a file down where the task runs, under a name of its own that goes out.
pub(super) async fn put_down(file: &File, cx: &Context) -> Result<String, Failure> {
    let failed =
        |said: &str| Failure::new(format!("what was copied cannot be kept on {}: {}", cx.host, said.trim()));
    let made = cx.exec(Command::new(format!("umask 077; {TEMPORARY} && printf %s \"$t\""))).await?;
    if !made.succeeded() {
        return Err(failed(&made.err()));
    }
    let path = made.out().into_owned();
    let mut source = reader(file, 0).await?;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let most = u64::try_from(PIECE).unwrap_or(u64::MAX);
        (&mut source).take(most).read_to_end(&mut piece).await.map_err(full)?;
        if piece.is_empty() {
            return Ok(path);
        }
        let done = cx.exec(Command::new(format!("cat >>{}", quote(&path))).stdin(piece)).await?;
        if !done.succeeded() {
            cx.exec(Command::new(format!("rm -f {}", quote(&path)))).await?;
            return Err(failed(&done.err()));
        }
    }
}

/// Makes a file `$t` of its own, in a shell.
pub(super) const TEMPORARY: &str = "t=$(mktemp \"${TMPDIR:-/tmp}/.k8s_cp.XXXXXX\")";
