//! What the proxy learns of a host goes into the record.

use super::*;

fn named(name: &str) -> Annotation {
    Annotation { hostname: Some(name.to_owned()), ..Annotation::default() }
}

impl Stage {
    async fn annotate(&self, place: &SeededSubnet, address: IpAddr, name: &str) -> Result<Annotated, Failure> {
        self.allocator.annotate(place.prefix, choice(place), address, named(name)).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_goes_into_a_record_of_ours_only() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    assert_eq!(stage.annotate(&place, address, "web.example.com").await.expect("an answer"), Annotated::Absent);
    stage.add(&place, address).await.expect("added");
    for expected in [Annotated::Changed, Annotated::AsItWas] {
        assert_eq!(stage.annotate(&place, address, "web.example.com").await.expect("an answer"), expected);
    }
    let record = stage.record(&place, address).await.expect("a record");
    assert_eq!((record.hostname.as_deref(), record.mac), (Some("web.example.com"), mac(1)));
    let taken = *place.taken.keys().next().expect("some are taken");
    assert_eq!(stage.annotate(&place, taken, "web.example.com").await.expect("an answer"), Annotated::NotOurs);
}

#[tokio::test(start_paused = true)]
async fn a_lost_annotation_fails_and_can_be_repeated() {
    let stage = Stage::start().await;
    let place = stage.place(Role::Plain);
    let address = stage.next(&place, mac(1)).await.expect("an address");
    stage.add(&place, address).await.expect("added");
    stage.ipam.fault(Fault::ResetAfterWrite).await;
    let failure = stage.annotate(&place, address, "web.example.com").await.expect_err("a lost answer");
    assert!(matches!(&failure, Failure::Provider(error) if error.kind() == ErrorKind::Unavailable), "{failure}");
    stage.ipam.heal().await;
    assert_eq!(stage.annotate(&place, address, "web.example.com").await.expect("an answer"), Annotated::AsItWas);
}
