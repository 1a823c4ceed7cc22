//! The one loop: it begins plays whose needs are met, sends units off, takes their answers, applies what they teach and
//! tells it all as one stream of events. It alone owns what changes.

mod asking;
mod metas;
mod notices;
mod reserved;

use super::batch::{Answer, Begin, Verdict};
use super::edit::Edit;
use super::lesson::Lesson;
use super::names::HostNames;
use super::play::PlayRun;
use super::pool::Pool;
use super::question::Question;
use super::standing::{Next, Standing};
use super::unit::{Finished, Unit};
use super::world::World;
use crate::connection::Connector;
use crate::event::{Event, EventKind, Outcome, Status};
use crate::module::Map;
use crate::plan::{Act, Gathering, Plan, StepId, Wait, matches_start};
use crate::playbook::{Action, Setting};
use crate::template::{Trail, from_json};
use asking::Ended;
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};

/// Which unit a task of the runtime is.
#[derive(Clone, Debug)]
struct Key {
    play: usize,
    step: StepId,
    host: usize,
    number: usize,
}

/// How far a play is.
enum State {
    Waiting,
    Running(Box<PlayRun>),
    Done,
}

/// Owns a run.
pub struct Conductor {
    plan: Plan,
    world: Arc<World>,
    pool: Arc<Pool>,
    say: mpsc::Sender<Event>,
    cancelled: watch::Receiver<bool>,
    began: Instant,
    plays: Vec<State>,
    standing: Standing,
    stage: Option<String>,
    stats: Map,
    units: JoinSet<Finished>,
    keys: HashMap<Id, Key>,
    steps: usize,
    numbers: HashMap<(usize, StepId), usize>,
    items: (mpsc::UnboundedSender<EventKind>, mpsc::UnboundedReceiver<EventKind>),
    stopped: bool,
    fatal: Option<u8>,
    /// A person ended it.
    quitted: bool,
    questions: mpsc::Sender<Question>,
    /// `--step`, until a person has seen enough.
    stepping: bool,
    /// Steps that a person does not want.
    declined: HashSet<usize>,
    /// Still looking for `--start-at-task`.
    seeking: bool,
    exits: Vec<u8>,
}

impl Conductor {
    /// A conductor of a plan.
    #[must_use]
    pub fn new(
        plan: Plan,
        connectors: Vec<Arc<dyn Connector>>,
        say: mpsc::Sender<Event>,
        questions: mpsc::Sender<Question>,
        cancelled: watch::Receiver<bool>,
    ) -> Self {
        let world = Arc::new(World::new(plan.site.clone()));
        let plays = plan.plays.iter().map(|_| State::Waiting).collect();
        let stepping = plan.site.defaults.step;
        let seeking = plan.site.selection.start_at.is_some();
        Self {
            plan,
            world,
            pool: Arc::new(Pool::new(connectors)),
            say,
            cancelled,
            began: Instant::now(),
            plays,
            standing: Standing::default(),
            stage: None,
            stats: Map::new(),
            units: JoinSet::new(),
            keys: HashMap::new(),
            steps: 0,
            numbers: HashMap::new(),
            items: mpsc::unbounded_channel(),
            stopped: false,
            fatal: None,
            quitted: false,
            questions,
            stepping,
            declined: HashSet::new(),
            seeking,
            exits: vec![],
        }
    }

    /// Runs to the end and says so.
    pub async fn run(mut self) {
        let given = self.plan.given.iter();
        let (playbooks, plays) = given.map(|(path, plays)| (path.display().to_string(), *plays)).unzip();
        let check_mode = self.plan.site.defaults.check_mode;
        self.tell(EventKind::RunStarted { playbooks, plays, check_mode }).await;
        loop {
            self.begin_plays().await;
            self.send_off().await;
            if self.fatal.is_some() || self.quitted {
                break;
            }
            self.close_batches().await;
            if self.units.is_empty() {
                if self.is_over() {
                    break;
                }
                continue;
            }
            tokio::select! {
                biased;
                _ = self.cancelled.changed() => {
                    self.tell(EventKind::RunCancelling).await;
                    self.units.abort_all();
                    self.stopped = true;
                    break;
                }
                Some(event) = self.items.1.recv() => self.tell(event).await,
                Some(done) = self.units.join_next_with_id() => self.take_all(done).await,
            }
        }
        self.units.shutdown().await;
        // What was broken off may have said how it left things.
        self.heard().await;
        self.jobs_ended().await;
        if *self.cancelled.borrow() {
            self.pool.settled().await;
        }
        let exit = self.exit();
        let stats = std::mem::take(&mut self.stats);
        self.tell(EventKind::RunFinished { exit, stats }).await;
    }

    /// What goes on in the background is waited for, unless the run was asked to stop.
    async fn jobs_ended(&mut self) {
        let jobs = self.world.jobs.clone();
        tokio::select! {
            () = jobs.all_ended() => {}
            _ = self.cancelled.wait_for(|stop| *stop) => {}
        }
    }

    fn exit(&self) -> u8 {
        let by_side = self.plan.plays.iter().any(|play| play.play.needs.is_some());
        let code = if by_side { self.exits.iter().copied().max().unwrap_or(0) } else { self.standing.exit };
        match (self.fatal, self.quitted || *self.cancelled.borrow()) {
            (Some(exit), _) => exit,
            (_, true) => 99,
            _ => code,
        }
    }

    fn is_over(&self) -> bool {
        let none_running = !self.plays.iter().any(|play| matches!(play, State::Running(_)));
        none_running && (self.stopped || !self.plays.iter().any(|play| matches!(play, State::Waiting)))
    }

    async fn tell(&mut self, kind: EventKind) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // Nobody listening means nobody wants to know; the run goes on to its end all the same.
        let _ = self.say.send(Event { at, elapsed: self.began.elapsed(), kind }).await;
    }

    async fn begin_plays(&mut self) {
        for index in 0..self.plays.len() {
            if self.stopped || !matches!(self.plays.get(index), Some(State::Waiting)) {
                continue;
            }
            let Some(planned) = self.plan.plays.get(index) else { continue };
            let met = |need: &usize| matches!(self.plays.get(*need), Some(State::Done));
            if !planned.needs.iter().all(met) {
                continue;
            }
            let chosen = planned.select(&self.plan.site, &self.world.inventory());
            let batches = planned.batches(&chosen.hosts, &self.plan.site);
            let batches: VecDeque<Arc<[Arc<str>]>> = batches.into_iter().map(Arc::from).collect();
            let run = PlayRun::new(planned, &chosen, batches, &self.world, &self.standing);
            let stage = planned.stage.clone();
            let warnings = if planned.may_gain_hosts { chosen.warnings } else { vec![] };
            for text in warnings {
                self.tell(EventKind::Warning { text, about: None }).await;
            }
            if stage.is_some() && stage != self.stage {
                self.tell(EventKind::StageStarted { name: stage.clone().unwrap_or_default() }).await;
            }
            self.stage = stage;
            match run {
                Some(run) => {
                    self.tell_play(index, &run.batch.hosts.clone()).await;
                    self.set(index, State::Running(Box::new(run)));
                }
                None => {
                    self.tell_play(index, &[]).await;
                    self.tell(EventKind::NoHostsMatched { play: index }).await;
                    self.set(index, State::Done);
                }
            }
        }
    }

    fn set(&mut self, index: usize, state: State) {
        if let Some(slot) = self.plays.get_mut(index) {
            *slot = state;
        }
    }

    async fn tell_play(&mut self, play: usize, hosts: &[Arc<str>]) {
        let planned = self.plan.plays.get(play);
        let name = planned.map(|p| p.name.clone()).unwrap_or_default();
        let check_mode = match planned.and_then(|planned| planned.play.keywords.check_mode.as_ref()) {
            Some(Setting::Fixed(written)) => *written,
            _ => self.plan.site.defaults.check_mode,
        };
        let show = planned.map(|planned| planned.play.show).unwrap_or_default();
        self.tell(EventKind::PlayStarted { play, name, hosts: hosts.to_vec(), check_mode, show }).await;
    }

    /// Sends off every unit that may begin.
    async fn send_off(&mut self) {
        if self.fatal.is_some() || self.quitted {
            return;
        }
        let forks = self.plan.site.defaults.forks.max(1);
        for index in 0..self.plays.len() {
            while self.units.len() < forks {
                let Some(State::Running(run)) = self.plays.get_mut(index) else { break };
                let begin = run.next(forks);
                self.report(index).await;
                let Some(begin) = begin else { break };
                if self.fatal.is_some() || self.quitted {
                    return;
                }
                self.begin(index, begin).await;
            }
            self.report(index).await;
        }
    }

    async fn begin(&mut self, index: usize, begin: Begin) {
        self.restand(index);
        let Some(State::Running(run)) = self.plays.get_mut(index) else { return };
        let act = run.batch.drawing.step(begin.step).act.clone();
        let host = run.batch.hosts.get(begin.host).cloned().unwrap_or_else(|| Arc::from(""));
        let Some(task) = run.batch.drawing.step(begin.step).task().cloned() else {
            run.batch.answer(begin.step, begin.host, Answer::new(Verdict::Ok), &mut run.advisor);
            return;
        };
        // Before the step has a number: it begins with the first host that takes it.
        if let Act::Facts(_) = act
            && self.plan.site.defaults.gathering == Gathering::Smart
            && self.world.learned(&host).facts.contains_key("module_setup")
        {
            run.batch.answer(begin.step, begin.host, Answer::new(Verdict::Skipped), &mut run.advisor);
            return;
        }
        let fresh = !self.numbers.contains_key(&(index, begin.step)) || begin.first;
        if fresh {
            self.numbers.insert((index, begin.step), self.steps);
            run.infos.remove(&begin.step);
            self.steps += 1;
        }
        let number = self.numbers.get(&(index, begin.step)).copied().unwrap_or_default();
        let (world, scene) = (self.world.clone(), run.advisor.scene.clone());
        let scope = || HostNames::new(world, scene, host.clone(), Some(task.clone())).scope();
        let info = run.info(begin.step, (index, number), &self.world, scope);
        if self.seeking {
            let start = self.plan.site.selection.start_at.clone().unwrap_or_default();
            let found = matches!(act, Act::Module(_) | Act::IncludeTasks(_) | Act::IncludeRole(..))
                && matches_start(&start, &info.name);
            if !found && !matches!(act, Act::Facts(_)) {
                run.batch.answer(begin.step, begin.host, Answer::new(Verdict::Skipped), &mut run.advisor);
                return;
            }
            self.seeking = !found;
        }
        let key = Key { play: index, step: begin.step, host: begin.host, number };
        let silent = matches!(act, Act::Meta(..) | Act::Flush(_));
        if run.batch.drawing.wait != Wait::AllHosts
            && let Some(task) = step_task(&act)
        {
            run.weigh_alone(task);
            if run.advisor.fatal.is_some() {
                return self.report(index).await;
            }
        }
        let apart = (run.batch.drawing.wait != Wait::AllHosts).then(|| host.clone());
        if !silent && !self.is_wanted(&info, fresh, apart.as_deref()).await {
            let Some(State::Running(run)) = self.plays.get_mut(index) else { return };
            run.batch.answer(begin.step, begin.host, Answer::new(Verdict::Skipped), &mut run.advisor);
            return;
        }
        let Some(unit) = self.unit_of(&key) else { return };
        if silent {
            // Nobody outside is asked, and hosts are told of in their order.
            self.count_running(&key);
            let finished = unit.run().await;
            return self.taken(key, finished).await;
        }
        if fresh {
            self.tell(EventKind::StepStarted(info)).await;
        }
        self.start(key, unit).await;
    }

    /// A task on a host, ready to run.
    fn unit_of(&self, key: &Key) -> Option<Unit> {
        let Some(State::Running(run)) = self.plays.get(key.play) else { return None };
        let step = run.batch.drawing.step(key.step);
        Some(Unit {
            world: self.world.clone(),
            scene: run.advisor.scene.clone(),
            pool: self.pool.clone(),
            host: run.batch.hosts.get(key.host).cloned().unwrap_or_else(|| Arc::from("")),
            task: step.task()?.clone(),
            act: step.act.clone(),
            step: key.number,
            say: self.items.0.clone(),
            edit: Edit::default(),
        })
    }

    fn count_running(&mut self, key: &Key) {
        if let Some(State::Running(run)) = self.plays.get_mut(key.play) {
            *run.running.entry(key.step).or_default() += 1;
        }
    }

    /// Sends a unit off.
    async fn start(&mut self, key: Key, unit: Unit) {
        self.count_running(&key);
        let (step, host) = (key.number, unit.host.clone());
        let handle = self.units.spawn(unit.run());
        self.keys.insert(handle.id(), key);
        self.tell(EventKind::UnitStarted { step, host }).await;
    }

    /// Tells what units have said.
    async fn heard(&mut self) {
        while let Ok(event) = self.items.1.try_recv() {
            self.tell(event).await;
        }
    }

    /// Takes a unit's answer, and those of others that have ended too: hosts that are through at once are told of in
    /// their order.
    async fn take_all(&mut self, first: Result<(Id, Finished), JoinError>) {
        tokio::task::yield_now().await;
        let mut ended = vec![first];
        ended.extend(std::iter::from_fn(|| self.units.try_join_next_with_id()));
        ended.sort_by_cached_key(|ended| {
            let id = match ended {
                Ok((id, _)) => *id,
                Err(error) => error.id(),
            };
            self.keys.get(&id).map(|key| (key.number, key.host))
        });
        for done in ended {
            self.take(done).await;
        }
    }

    /// Takes a unit's answer.
    async fn take(&mut self, done: Result<(Id, Finished), JoinError>) {
        // What a unit said comes before its end.
        self.heard().await;
        let (id, finished) = match done {
            Ok((id, finished)) => (id, finished),
            Err(error) if error.is_cancelled() => return,
            Err(error) => (error.id(), panicked()),
        };
        if let Some(key) = self.keys.remove(&id) {
            self.taken(key, finished).await;
        }
    }

    async fn taken(&mut self, key: Key, mut finished: Finished) {
        if let Some(State::Running(run)) = self.plays.get(key.play) {
            let own = run.batch.hosts.get(key.host).cloned().unwrap_or_else(|| Arc::from(""));
            let task = run.batch.drawing.step(key.step).task();
            // What runs once by nature teaches the host that ran it alone.
            let for_all = task.is_some_and(|task| task.keywords.run_once.is_some());
            let hosts = if for_all { run.batch.spoken_for(key.step, key.host) } else { vec![own.clone()] };
            let scene = run.advisor.scene.clone();
            let mut learn = |lessons: &[Lesson]| {
                Lesson::learn(lessons, &self.world, &scene, &own, &hosts, &mut self.stats)
            };
            let grown = learn(&finished.lessons);
            if grown.contains(&false) {
                finished.unchanged(&grown);
                learn(&finished.registered_again());
            }
        }
        let debugged = self.is_debugged(&key, &finished);
        let Some(State::Running(run)) = self.plays.get_mut(key.play) else { return };
        if let Some(count) = run.running.get_mut(&key.step) {
            *count = count.saturating_sub(1);
        }
        let step = run.batch.drawing.step(key.step);
        let (act, host) =
            (step.act.clone(), run.batch.hosts.get(key.host).cloned().unwrap_or_else(|| Arc::from("")));
        let before = debugged.then(|| (run.batch.clone(), finished.outcome.clone()));
        let included = !finished.answer.inclusions.is_empty();
        let failed = !matches!(finished.answer.verdict, Verdict::Ok | Verdict::Changed | Verdict::Skipped);
        run.fell |= failed || matches!(act, Act::Meta(..));
        let rescued = run.batch.answer(key.step, key.host, finished.answer, &mut run.advisor);
        if run.advisor.fatal.is_some() {
            return self.report(key.play).await;
        }
        if rescued && let Some(task) = step_task(&act) {
            let mut result = finished.outcome.result.clone();
            result.shift_remove(Trail::KEY);
            result.insert("failed".into(), json!(true));
            result.entry("exception").or_insert(json!("(traceback unavailable)"));
            let result = from_json(&Json::Object(result));
            let about = about(task);
            self.world.learn(&host, |learned| {
                learned.set.insert(Arc::from("ansible_failed_result"), result);
                learned.set.insert(Arc::from("ansible_failed_task"), from_json(&about));
            });
        }
        for (text, about) in reserved::warnings(&finished.lessons, step_task(&act)) {
            self.tell(EventKind::Warning { text, about }).await;
        }
        for text in &finished.warnings {
            self.tell(EventKind::Warning { text: text.clone(), about: None }).await;
        }
        match &act {
            Act::Meta(..) | Act::Flush(_) if !failed => {
                let skipped = finished.outcome.status == Status::Skipped;
                if let Act::Meta(_, meta) = &act
                    && !skipped
                {
                    self.meta(key.play, *meta, &host);
                }
                self.tell_meta(key.play, key.step, &host, skipped).await;
            }
            Act::IncludeTasks(_) | Act::IncludeRole(..) if included => {}
            _ => {
                let outcome = Outcome { rescued, ..finished.outcome };
                let kind = EventKind::UnitFinished {
                    step: key.number,
                    host,
                    delegate: finished.delegate,
                    looped: finished.looped,
                    outcome,
                    took: finished.took,
                };
                self.tell(kind).await;
            }
        }
        self.report(key.play).await;
        if let Some((batch, outcome)) = before {
            let outcome = Outcome { rescued, ..outcome };
            self.reconsider(key, Ended { outcome, args: finished.args, edit: finished.edit }, batch).await;
        }
    }

    /// Hosts still standing, before a step that begins after a failure.
    fn restand(&mut self, index: usize) {
        let Some(State::Running(run)) = self.plays.get_mut(index) else { return };
        if !std::mem::take(&mut run.fell) {
            return;
        }
        let (batch, standing) = (&run.batch, &self.standing);
        let fell = |i: &usize| {
            let state = batch.state(*i);
            !state.reachable || state.doomed || batch.is_lost(*i)
        };
        let down: HashSet<&Arc<str>> =
            (0..batch.hosts.len()).filter(fell).filter_map(|i| batch.hosts.get(i)).collect();
        let gone = |host: &Arc<str>| standing.failed.contains(host) || standing.unreachable.contains(host);
        let here: HashSet<&Arc<str>> = batch.hosts.iter().collect();
        let up = |host: &&Arc<str>| if here.contains(*host) { !down.contains(*host) } else { !gone(host) };
        let hosts: Arc<[Arc<str>]> = run.advisor.scene.all().iter().filter(up).cloned().collect();
        run.advisor.scene.set_standing(hosts);
    }

    /// Goes on from batches that are through.
    async fn close_batches(&mut self) {
        for index in 0..self.plays.len() {
            let Some(State::Running(run)) = self.plays.get_mut(index) else { continue };
            if !run.is_batch_through() {
                continue;
            }
            let next = self.standing.record(&run.batch);
            self.exits.push(self.standing.exit);
            run.broken |= run.batch.endings.broken;
            let broken = run.broken;
            let planned = self.plan.plays.get(index);
            let more = next == Next::GoOn
                && planned.is_some_and(|planned| run.next_batch(planned, &self.world, &self.standing));
            self.numbers.retain(|(play, _), _| *play != index);
            if more {
                let hosts = match self.plays.get(index) {
                    Some(State::Running(run)) => run.batch.hosts.clone(),
                    _ => vec![],
                };
                self.tell_play(index, &hosts).await;
            } else {
                self.set(index, State::Done);
                self.stopped |= next == Next::Stop || broken;
            }
        }
    }
}

fn step_task(act: &Act) -> Option<&Arc<crate::plan::PlannedTask>> {
    match act {
        Act::Facts(task) | Act::Module(task) | Act::IncludeTasks(task) | Act::IncludeRole(task, _) => {
            Some(task)
        }
        _ => None,
    }
}

/// `ansible_failed_task`.
fn about(task: &crate::plan::PlannedTask) -> Json {
    let written = &task.task;
    let args = match &written.action {
        Action::Module { args, .. } => args.named.to_json(),
        _ => json!({}),
    };
    let name = written.name.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
    json!({"name": name, "action": task.action(), "args": args, "register": written.register.as_deref()})
}

fn panicked() -> Finished {
    let result = super::result::failure("muster: this task's module ended unexpectedly; please report it");
    Finished {
        outcome: Outcome { status: Status::Failed, ignored: false, rescued: false, result },
        answer: Answer::new(Verdict::Failed { ignored: false }),
        lessons: vec![],
        register: None,
        delegate: None,
        looped: false,
        took: Duration::ZERO,
        warnings: vec![],
        args: None,
        edit: Edit::default(),
    }
}
