//! The document as its author meant it: plays, blocks, tasks, roles. Nodes come in, typed keywords with compiled
//! expressions go out; a module is still a name, a pattern still text. Everything wrong is reported at once, each
//! thing at its place, and nothing unknown is passed over.

mod keywords;
mod load;
mod play;
mod read;
mod reserved;
mod role;
mod table;
mod task;

pub use keywords::{Debugger, Keywords, Setting};
pub use load::{Loader, NO_TASKS, RoleFrom, collection_around, collection_of};
pub use play::{Order, Play, Playbook, Prompt, Show, Strategy};
pub use reserved::{RESERVED, is_reserved, reserved};
pub use role::{Argspec, Role, RoleUse};
pub use table::{Keyword, Place, Takes, keyword, keywords};
pub use task::{Action, Args, Block, Entry, Include, Loop, LoopControl, Loops, Task};

#[cfg(test)]
mod tests;
