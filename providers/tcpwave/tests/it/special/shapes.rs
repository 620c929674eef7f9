//! Answers in the two shapes that are read, and in a third one.

use ipam_provider::{ErrorKind, Provider};
use ipam_simulators::tcpwave::{Exists, Site};
use serde_json::json;

use super::{cause, instead, ip, name};
use crate::site::Fixture;

#[tokio::test]
async fn organizations_are_listed_with_and_without_a_key() {
    for list_key in [None, Some("data"), Some("rows")] {
        let fixture = Fixture::at(Site { list_key, ..Site::default() }, json!({}), |ipam| ipam);
        assert_eq!(fixture.provider.groups().await.expect("groups").len(), 8, "{list_key:?}");
    }
    let cut = r#"{"total": 3, "rows": [{"id": 1, "name": "Internal"}]}"#;
    for (body, shape) in [
        (r#"{"list": "words"}"#, "{list: text}"),
        (r#"[{"name": "words"}]"#, "[{name: text}]"),
        ("words", "the text words"),
        ("", "nothing"),
        (cut, "{rows: [{id: number, name: text}], total: number}"),
    ] {
        let fixture = instead("/organization/list", 200, body);
        let error = fixture.provider.groups().await.expect_err("a third shape");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{body}");
        assert!(cause(&error).contains(shape) && !error.to_string().contains("words"), "{body}: {}", cause(&error));
    }
}

#[tokio::test]
async fn whether_an_address_is_taken_is_said_in_three_ways() {
    for exists in [Exists::Flag, Exists::Word, Exists::Object] {
        let fixture = Fixture::at(Site { exists, ..Site::default() }, json!({}), |ipam| ipam);
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        for (address, is_taken) in [("192.0.2.1", true), ("192.0.2.2", false)] {
            let answer = fixture.provider.reservation(&subnet, ip(address)).await.expect("an answer");
            assert_eq!(answer.is_some(), is_taken, "{exists:?} {address}");
        }
    }
}

/// Nothing of it may be taken for "free".
#[tokio::test]
async fn any_other_answer_about_an_address_is_an_error() {
    for (status, body, kind) in [
        (200, "", ErrorKind::Unexpected),
        (200, "null", ErrorKind::Unexpected),
        (200, "[]", ErrorKind::Unexpected),
        (200, r#"{"status": "geheim"}"#, ErrorKind::Unexpected),
        (200, "<html>geheim", ErrorKind::Unexpected),
        (500, "TIMS-0000: geheim", ErrorKind::Rejected),
        (404, "<html>", ErrorKind::Unexpected),
    ] {
        let fixture = instead("/object/checkObjectExists", status, body);
        let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
        let error = fixture.provider.reservation(&subnet, ip("192.0.2.2")).await.expect_err("no answer");
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert!(!error.to_string().contains("geheim"), "{error}");
        if status == 500 {
            assert!(cause(&error).contains(body), "{body}: {}", cause(&error));
        }
    }
}

#[tokio::test]
async fn a_page_without_a_count_is_not_taken_for_the_whole() {
    for (body, shape) in [
        (r#"{"data": []}"#, "{data: []}"),
        ("[]", "[]"),
        (r#"{"recordsTotal": "many", "data": []}"#, "{data: [], recordsTotal: text}"),
    ] {
        let fixture = instead("/network/paged", 200, body);
        let error = fixture.provider.subnets(Some(&name("Production"))).await.expect_err("no page");
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{body}");
        assert!(cause(&error).contains(shape), "{}", cause(&error));
    }
}

#[tokio::test]
async fn a_list_that_does_not_end_is_refused() {
    let fixture = instead("/network/paged", 200, r#"{"recordsTotal": 40, "recordsFiltered": 40, "data": []}"#);
    let error = fixture.provider.subnets(Some(&name("Production"))).await.expect_err("no end");
    assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
    assert_eq!(fixture.server.take_requests().len(), 1);
}

#[tokio::test]
async fn html_in_place_of_json_is_an_error_of_every_read() {
    for path in ["/organization/list", "/network/paged", "/subnet/getSubnetData", "/object/nextfreeip"] {
        let fixture = instead(path, 200, "<!doctype html><title>Log in</title>");
        let provider: &dyn Provider = fixture.provider.as_ref();
        let group = name("Production");
        let error = match path {
            "/organization/list" => provider.groups().await.expect_err("HTML"),
            "/network/paged" => provider.subnets(Some(&group)).await.expect_err("HTML"),
            "/object/nextfreeip" => {
                let subnet = fixture.subnet("Production", "192.0.2.0/28").await;
                super::free(&fixture.provider, &subnet, 3).await.expect_err("HTML")
            }
            _ => {
                let prefix = "192.0.2.0/28".parse().expect("a prefix");
                provider.find_subnets(prefix, Some(&group)).await.expect_err("HTML")
            }
        };
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{path}");
        assert!(!error.to_string().contains('<') && cause(&error).contains("a page of HTML"), "{error}");
    }
}
