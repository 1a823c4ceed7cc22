//! Commands through long-lived POSIX shells. A [`wire::Road`] that starts programs comes in, a [`pool::Pool`] that
//! runs commands goes out: many at once, each ended with its whole process group when nobody waits for it any more,
//! none ever run twice.

mod channel;
mod escalation;
mod frame;
mod mercy;
pub(crate) mod pool;
mod session;
pub(crate) mod wire;
