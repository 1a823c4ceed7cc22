//! A pseudo terminal: our end as a reader and a writer, the other end for a program. Opened without echo, so that a
//! password that is typed into it is not repeated in the output.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use tokio::net::unix::pipe::{Receiver, Sender};

/// A new terminal: what it says, what it hears, and the program's end.
pub(super) fn open() -> io::Result<(Receiver, Sender, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    // Without NOCTTY it could become the terminal of muster itself.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name, flags, Mode::empty())?;
    let mut modes = tcgetattr(&theirs)?;
    modes.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    let again = ours.try_clone()?;
    // No pipes, but read, written and awaited alike.
    let reader = Receiver::from_file_unchecked(File::from(ours))?;
    let writer = Sender::from_file_unchecked(File::from(again))?;
    Ok((reader, writer, theirs))
}
