//! The tree of blocks and a host's way through it. [`Place`]s say where a step stands, a [`Path`] where a host is;
//! [`Path::strike`] is the whole rule of failure and [`Path::approach`] the whole rule of who may run what.
//! Nothing else knows blocks.

/// Names a block of a [`Blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockId(usize);

/// The parts of a block. Inside one block a host only ever moves to the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `block`.
    Body,
    /// `rescue`.
    Rescue,
    /// `always`.
    Always,
    /// Past it.
    Out,
}

/// Where a step stands: a part of a block. Its ancestors are found by following the block's parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The block.
    pub block: BlockId,
    /// The part of it.
    pub part: Part,
}

/// A block of the tree.
#[derive(Clone, Debug)]
pub struct Block {
    /// Where it stands itself; nothing for a play's root.
    pub parent: Option<Place>,
    /// Whether it has steps in `rescue`.
    pub rescue: bool,
    /// Whether it has steps in `always`.
    pub always: bool,
    /// Whether it stands directly in a play (or in an entry of `roles`).
    pub outermost: bool,
}

/// Every block of a drawing. Index 0 is the play's root.
#[derive(Clone, Debug)]
pub struct Blocks {
    all: Vec<Block>,
    ways: Vec<Vec<Place>>,
}

impl Default for Blocks {
    fn default() -> Self {
        let root = Block { parent: None, rescue: false, always: false, outermost: false };
        Self { all: vec![root], ways: vec![vec![]] }
    }
}

impl Blocks {
    /// The body of the play itself.
    pub const ROOT: Place = Place { block: BlockId(0), part: Part::Body };

    /// Adds a block.
    pub fn add(&mut self, block: Block) -> BlockId {
        let mut way = vec![];
        if let Some(parent) = block.parent {
            way.extend_from_slice(self.outer(parent.block));
            way.push(parent);
        }
        self.all.push(block);
        self.ways.push(way);
        BlockId(self.all.len() - 1)
    }

    /// The block of that id.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "ids are made by `add` alone and blocks are never removed")]
    pub fn get(&self, id: BlockId) -> &Block {
        &self.all[id.0]
    }

    /// Says that a block turned out to have steps in `rescue` or `always`.
    pub fn has(&mut self, id: BlockId, part: Part) {
        if let Some(block) = self.all.get_mut(id.0) {
            match part {
                Part::Rescue => block.rescue = true,
                Part::Always => block.always = true,
                Part::Body | Part::Out => {}
            }
        }
    }

    /// The places around a block, outermost first.
    fn outer(&self, id: BlockId) -> &[Place] {
        self.ways.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// How many blocks lie around a place.
    #[must_use]
    pub fn depth_of(&self, place: Place) -> usize {
        self.outer(place.block).len()
    }

    /// How many places lie around and at a place.
    fn depth(&self, place: Place) -> usize {
        self.outer(place.block).len() + 1
    }

    /// The `i`th place on the way to a place, outermost first; the place itself is the last.
    fn step_of_way(&self, place: Place, i: usize) -> Option<Place> {
        let outer = self.outer(place.block);
        match i.cmp(&outer.len()) {
            std::cmp::Ordering::Less => outer.get(i).copied(),
            std::cmp::Ordering::Equal => Some(place),
            std::cmp::Ordering::Greater => None,
        }
    }
}

/// One block a host is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The block.
    pub block: BlockId,
    /// The part it is in.
    pub part: Part,
    /// Whether the block met a failure it has not answered.
    pub failed: bool,
}

/// Where a host is in the tree, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Frame>);

impl Default for Path {
    fn default() -> Self {
        Self(vec![Frame { block: Blocks::ROOT.block, part: Part::Body, failed: false }])
    }
}

impl Path {
    /// The frames, outermost first.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.0
    }

    /// Whether some frame is in the body of a block with a rescue: a failure here would be rescued.
    #[must_use]
    pub fn is_guarded(&self, blocks: &Blocks) -> bool {
        self.0.iter().any(|frame| frame.part == Part::Body && blocks.get(frame.block).rescue)
    }

    /// A failure: the innermost block goes to its rescue, its always, or out.
    pub fn strike(&mut self, blocks: &Blocks) {
        let Some(top) = self.0.last_mut() else { return };
        let block = blocks.get(top.block);
        top.part = match top.part {
            Part::Out => return,
            Part::Body if block.rescue => Part::Rescue,
            Part::Body | Part::Rescue if block.always => Part::Always,
            Part::Body | Part::Rescue | Part::Always => Part::Out,
        };
        top.failed = true;
    }

    /// The path a host would have at a place; nothing if it cannot get there. Changes nothing.
    #[must_use]
    pub fn approach(&self, blocks: &Blocks, place: Place) -> Option<Self> {
        let way = |i: usize| blocks.step_of_way(place, i);
        let agrees = |(i, frame): &(usize, &Frame)| {
            way(*i).is_some_and(|p| p.block == frame.block && p.part == frame.part)
        };
        let same = self.0.iter().enumerate().take_while(agrees).count();
        if same == self.0.len() && same == blocks.depth(place) {
            return Some(self.clone());
        }
        let other_part = matches!((self.0.get(same), way(same)), (Some(f), Some(p)) if f.block == p.block);
        let mut path = self.clone();
        while path.0.len() > (same + usize::from(other_part)).max(1) {
            if let Some(left) = path.0.pop()
                && left.failed
                && left.part != Part::Rescue
            {
                path.strike(blocks);
            }
        }
        for i in 0..blocks.depth(place) {
            let wanted = way(i)?;
            match path.0.get_mut(i) {
                Some(frame) if frame.block != wanted.block => return None,
                Some(frame) if frame.part == wanted.part => {}
                Some(frame) if wanted.part == Part::Always && frame.part < Part::Always => {
                    frame.failed &= frame.part != Part::Rescue;
                    frame.part = Part::Always;
                }
                None if wanted.part == Part::Body => {
                    path.0.push(Frame { block: wanted.block, part: Part::Body, failed: false });
                }
                _ => return None,
            }
        }
        Some(path)
    }

    /// Whether leaving every block would leave the play's root failed.
    #[must_use]
    pub fn ends_failed(&self, blocks: &Blocks) -> bool {
        let mut path = self.clone();
        while path.0.len() > 1 {
            if let Some(left) = path.0.pop()
                && left.failed
                && left.part != Part::Rescue
            {
                path.strike(blocks);
            }
        }
        path.0.first().is_some_and(|root| root.failed)
    }

    fn outermost(&self, blocks: &Blocks) -> Option<&Frame> {
        self.0.iter().find(|frame| blocks.get(frame.block).outermost)
    }

    /// `end_host`: out of the play; failed only if the outermost block is failed and the host is not in a rescue.
    pub fn end(&mut self, blocks: &Blocks) {
        let rescuing = self.0.last().is_some_and(|frame| frame.part == Part::Rescue);
        let failed = self.outermost(blocks).or(self.0.first()).is_some_and(|frame| frame.failed) && !rescuing;
        self.0.truncate(1);
        if let Some(root) = self.0.first_mut() {
            root.part = Part::Out;
            root.failed = failed;
        }
    }

    /// `clear_host_errors`: forgets failures; parts stay as they are. A host past its outermost block stays out of
    /// this play.
    pub fn clear(&mut self, blocks: &Blocks) {
        let out = self.outermost(blocks).is_some_and(|frame| frame.part == Part::Out);
        self.0.iter_mut().for_each(|frame| frame.failed = false);
        if let Some(root) = self.0.first_mut()
            && out
        {
            root.part = Part::Out;
        }
    }

    /// A host that failed in an earlier batch: out, and failed.
    pub fn lose(&mut self) {
        if let Some(root) = self.0.first_mut() {
            root.part = Part::Out;
            root.failed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(blocks: &mut Blocks, parent: Place, rescue: bool, always: bool) -> BlockId {
        blocks.add(Block { parent: Some(parent), rescue, always, outermost: true })
    }

    fn at(block: BlockId, part: Part) -> Place {
        Place { block, part }
    }

    #[test]
    fn a_failure_is_rescued_and_forgotten() {
        let mut blocks = Blocks::default();
        let b = block(&mut blocks, Blocks::ROOT, true, true);
        let mut path = Path::default().approach(&blocks, at(b, Part::Body)).unwrap();
        path.strike(&blocks);
        assert!(path.approach(&blocks, at(b, Part::Body)).is_none());
        let path = path.approach(&blocks, at(b, Part::Rescue)).unwrap();
        let path = path.approach(&blocks, at(b, Part::Always)).unwrap();
        assert!(!path.ends_failed(&blocks));
        assert!(path.approach(&blocks, Blocks::ROOT).is_some());
    }

    #[test]
    fn a_failed_rescue_runs_always_and_fails_the_host() {
        let mut blocks = Blocks::default();
        let b = block(&mut blocks, Blocks::ROOT, true, true);
        let mut path = Path::default().approach(&blocks, at(b, Part::Body)).unwrap();
        path.strike(&blocks);
        path.strike(&blocks);
        let path = path.approach(&blocks, at(b, Part::Always)).unwrap();
        assert!(path.ends_failed(&blocks));
        assert!(path.approach(&blocks, Blocks::ROOT).is_none());
    }

    #[test]
    fn an_inner_failure_is_rescued_by_the_outer_block() {
        let mut blocks = Blocks::default();
        let outer = block(&mut blocks, Blocks::ROOT, true, false);
        let inner = block(&mut blocks, at(outer, Part::Body), false, false);
        let mut path = Path::default().approach(&blocks, at(inner, Part::Body)).unwrap();
        assert!(path.is_guarded(&blocks));
        path.strike(&blocks);
        assert!(path.approach(&blocks, at(outer, Part::Body)).is_none());
        assert!(path.approach(&blocks, at(outer, Part::Rescue)).is_some());
    }
}
