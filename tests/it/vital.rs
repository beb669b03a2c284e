//! The tasks that a server cannot be without.

use super::harness::soon;
use chatd::server::vital::Vital;
use std::future::pending;
use tokio::sync::oneshot;

#[tokio::test]
async fn a_task_that_panics_is_lost_with_what_it_said() {
    let mut vital = Vital::default();
    vital.spawn("the other", pending());
    let number = 7;
    vital.spawn(
        "the one",
        async move { panic!("no such thing as {number}") },
    );
    let lost = soon("the loss", vital.lost()).await;
    assert_eq!(lost.to_string(), "the one panicked: no such thing as 7");
}

#[tokio::test]
async fn a_task_that_ends_is_lost_and_the_others_are_waited_for() {
    let mut vital = Vital::default();
    let (end, ends) = oneshot::channel::<()>();
    vital.spawn("the first", async {});
    vital.spawn("the second", async { ends.await.unwrap() });
    let lost = soon("the loss", vital.lost()).await;
    assert_eq!(lost.to_string(), "the first has ended");
    end.send(()).unwrap();
    soon("the end", vital.ended("the second")).await;
}
