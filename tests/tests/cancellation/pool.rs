//! Pools: checkouts, waits for a place, and the close.

use http_context::{OpenError, SessionPool};

use crate::BoxError;
use crate::rig::{Rig, over_both};

/// Closes a pool whose contexts are gone. All its places are there, and nothing is left of it.
async fn close(pool: &SessionPool) {
    let status = pool.status();
    assert_eq!((status.used, status.waiting), (0, 0));
    let report = pool.close().await;
    assert!(report.is_clean(), "{report}");
}

async fn work(rig: &Rig) -> Result<(), BoxError> {
    rig.get("/ok").await?.bytes().await?;
    rig.get("/chunked/3/2000").await?.bytes().await?;
    Ok(())
}

#[tokio::test]
async fn a_context_of_a_pool() {
    over_both(async |rig, cut| {
        let pool = rig.pool(1);
        // The first warms the session that the second takes.
        rig.pooled(&pool).open(work(rig)).await.unwrap();
        let ended = cut.run(rig.pooled(&pool).open(work(rig))).await;
        rig.nothing_is_open_now();
        rig.pooled(&pool).open(work(rig)).await.unwrap();
        close(&pool).await;
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn a_wait_for_a_place() {
    over_both(async |rig, cut| {
        let pool = rig.pool(1);
        let holds = rig.pooled(&pool).open(async {
            rig.get("/slow-body").await?.bytes().await?;
            Ok::<_, BoxError>(())
        });
        let waits = cut.run(rig.pooled(&pool).open(work(rig)));
        let (held, ended) = futures_util::future::join(holds, waits).await;
        held.unwrap();
        rig.nothing_is_open_now();
        rig.pooled(&pool).open(work(rig)).await.unwrap();
        close(&pool).await;
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn several_waits_in_one_queue() {
    over_both(async |rig, cut| {
        let pool = rig.pool(1);
        let holds = rig.pooled(&pool).open(work(rig));
        let waits = cut.run(rig.pooled(&pool).open(work(rig)));
        let waits_longer = rig.pooled(&pool).open(work(rig));
        let all = futures_util::future::join3(holds, waits, waits_longer);
        let (held, ended, waited) = all.await;
        held.unwrap();
        // Whoever leaves the queue takes nobody's turn.
        waited.unwrap();
        rig.nothing_is_open_now();
        close(&pool).await;
        ended.map(Result::unwrap).is_some()
    })
    .await;
}

#[tokio::test]
async fn the_close_of_a_pool() {
    over_both(async |rig, cut| {
        let pool = rig.pool(2);
        rig.pooled(&pool).open(work(rig)).await.unwrap();
        let in_use = rig.pooled(&pool).open(async {
            rig.get("/slow-body").await?.bytes().await?;
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(())
        });
        let (in_use, ended) = futures_util::future::join(in_use, cut.run(pool.close())).await;
        in_use.unwrap();
        rig.nothing_is_open_now();
        // Called again, it goes on with what is left.
        close(&pool).await;
        let refused = rig
            .pooled(&pool)
            .open(async { Ok::<_, OpenError>(()) })
            .await;
        assert!(matches!(refused, Err(OpenError::Pool(_))));
        ended.is_some_and(|report| report.is_clean())
    })
    .await;
}
