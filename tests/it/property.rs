//! A property: whatever several people do at once, on several connections, in several rooms, nobody
//! sees what they should not, every room's `seq` is gapless, and live events, replay and history agree.
//!
//! A round is a few steps at once. When it has settled, an order of its steps must explain everything
//! that everybody saw, by the rules that a simple model of a room has; then the next round begins.
//! `CHATD_PROPERTY_STEPS` asks for another number of steps, `CHATD_PROPERTY_SEED` for a certain run:
//! it chooses the steps, while the order in which they happen stays the server's.

mod after;
mod check;
mod choose;
mod device;
pub mod dice;
mod explain;
mod messages;
mod plan;
mod room;
mod rules;
mod terms;
mod wire;
mod world;

use std::time::{SystemTime, UNIX_EPOCH};
use world::World;

const STEPS: usize = 10_000;
/// After so many rounds everything is asked for by REST.
const ROUNDS_BETWEEN_CHECKS: usize = 100;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number")),
    )
}

/// What the failure of a run is told with.
struct Run {
    seed: u64,
    steps: usize,
    round: usize,
    /// What happened in the round.
    story: String,
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self {
                seed,
                steps,
                round,
                story,
            } = self;
            eprintln!(
                "after {steps} steps, in round {round}, with CHATD_PROPERTY_SEED={seed}:\n{story}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_do_at_once_nobody_sees_what_they_should_not_and_every_room_has_one_order()
{
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let steps = setting("CHATD_PROPERTY_STEPS");
    let steps = steps.map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    let seed = setting("CHATD_PROPERTY_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    let mut run = Run {
        seed,
        steps: 0,
        round: 0,
        story: String::new(),
    };
    let mut world = World::new(seed).await;
    while run.steps < steps {
        run.round += 1;
        run.steps += world.round(&mut run.story).await;
        if run.round.is_multiple_of(ROUNDS_BETWEEN_CHECKS) {
            check::everything(&world).await;
        }
    }
    check::everything(&world).await;
}
