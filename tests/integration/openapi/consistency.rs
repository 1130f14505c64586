//! Routes, problems, names, limits and examples of the document match the code and template.yaml.

use std::collections::BTreeSet;

use api::request::MAX_BODY_BYTES;
use api::{
    ProblemKind, Rule, Violation, adjustment_body, customer_body, order_body, precondition, product_body,
    reorder_point_body, shipment_body,
};
use domain::{
    AdjustmentId, AdjustmentReason, CorrelationId, CustomerId, EmailAddress, IdempotencyKey, Money, OrderId,
    OrderLines, OrderStatus, Product, ProductId, Quantity, ReceiptId, ShortText, StockDelta, StockLevel,
};
use serde_json::{Value, json};
use test_support::{ApiRequest, TestShop};

use super::document::{Document, Route};
use super::{PRODUCTS, problems};

/// A function that returns true if the code accepts a body.
type Accepts = fn(&str) -> bool;

#[test]
fn documents_the_deployed_routes() {
    let document = Document::read();
    let name = |(method, path): Route| format!("{} {path}", method.to_uppercase());
    let documented: BTreeSet<_> = document.operations().map(|(route, _)| name(route)).collect();
    assert_eq!(documented, test_support::api_routes().into_iter().collect());
    let mut ids: Vec<_> =
        document.operations().map(|(_, operation)| operation["operationId"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    ids.dedup();
    assert_eq!(ids.len(), documented.len());
}

#[test]
fn documents_every_path_parameter() {
    let document = Document::read();
    for ((_, path), operation) in document.operations() {
        let parameters = operation["parameters"].as_array().unwrap();
        let parameters = parameters.iter().map(|parameter| document.resolve(parameter));
        let in_path = parameters.filter(|parameter| parameter["in"] == "path");
        let names: BTreeSet<_> =
            in_path.map(|parameter| format!("{{{}}}", parameter["name"].as_str().unwrap())).collect();
        let expected: BTreeSet<_> =
            path.split('/').filter(|part| part.starts_with('{')).map(str::to_owned).collect();
        assert_eq!(names, expected, "{path}");
    }
}

#[test]
fn documents_the_problems_of_the_code_and_the_gateway() {
    let document = Document::read();
    let of_gateway =
        ["failed", "refused", "throttled"].map(|kind| format!("urn:problem-type:ecommerce:{kind}"));
    let mut known: BTreeSet<_> = ProblemKind::ALL.map(ProblemKind::uri).into();
    known.extend(of_gateway);
    assert_eq!(problems(&document).map(|(kind, _)| kind.to_owned()).collect::<BTreeSet<_>>(), known);
    for kind in ProblemKind::ALL {
        let (_, schema) = problems(&document).find(|(uri, _)| *uri == kind.uri()).unwrap();
        assert_eq!(schema["properties"]["status"]["const"], kind.status(), "{kind:?}");
    }
}

#[test]
fn documents_examples_that_match_their_schemas() {
    let document = Document::read().strict();
    let mut examples = 0;
    for (name, schema) in document.schemas() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert!(document.validator_of(name).is_valid(example), "{name}: {example}");
            examples += 1;
        }
    }
    assert_eq!(examples, problems(&document).count());
    let bodies: [(&str, Accepts); 6] = [
        ("~1order~1{orderId}~1ship/post", |body| shipment_body::parse(body).is_ok()),
        ("~1customers~1{customerId}/put", |body| customer_body::parse(body, &"001".parse().unwrap()).is_ok()),
        ("~1products~1{productId}/put", |body| product_body::parse(body, &"002".parse().unwrap()).is_ok()),
        ("~1order/post", |body| order_body::parse(body).is_ok()),
        ("~1inventory~1{productId}~1adjustments/post", |body| adjustment_body::parse(body).is_ok()),
        ("~1inventory~1{productId}/patch", |body| reorder_point_body::parse(body).is_ok()),
    ];
    for (operation, is_accepted) in bodies {
        let request = document.at(&format!("/paths/{operation}/requestBody/content/application~1json"));
        for example in request["examples"].as_object().unwrap().values() {
            let body = example["value"].to_string();
            assert!(document.validator(&request["schema"]).is_valid(&example["value"]), "{body}");
            assert!(is_accepted(&body), "{body}");
        }
    }
}

/// API Gateway uses the response of a type, or else the default response of its class. It sets the
/// status of the type if the response has none.
#[test]
fn documents_the_responses_of_the_gateway() {
    let document = Document::read().strict();
    let deployed = test_support::api_resource()["GatewayResponses"].as_object().unwrap();
    let components = document.at("/components/responses").as_object().unwrap();
    let mut used_responses = BTreeSet::new();
    for (name, response) in components {
        for kind in response["x-gateway-responses"].as_array().into_iter().flatten() {
            let kind = kind.as_str().unwrap();
            let default = if ["Internal", "BadGateway", "GatewayTimeout"].contains(&name.as_str()) {
                "DEFAULT_5XX"
            } else {
                "DEFAULT_4XX"
            };
            let (used, deployed_response) =
                deployed.get_key_value(kind).or_else(|| deployed.get_key_value(default)).unwrap();
            used_responses.insert(used.as_str());
            let headers = deployed_response["ResponseParameters"]["Headers"].as_object().unwrap();
            assert_eq!(headers["Content-Type"], "'application/problem+json'", "{kind}");
            let expected: BTreeSet<_> =
                response["headers"].as_object().unwrap().keys().map(String::as_str).collect();
            let names: BTreeSet<_> =
                headers.keys().map(String::as_str).filter(|name| *name != "Content-Type").collect();
            assert_eq!(names, expected, "{kind}");
            let body = deployed_response["ResponseTemplates"]["application/json"].as_str().unwrap();
            let body: Value =
                serde_json::from_str(&body.replace("$context.error.messageString", "\"Why\"")).unwrap();
            assert!(
                deployed_response.get("StatusCode").is_none()
                    || body["status"] == deployed_response["StatusCode"],
                "{kind}"
            );
            let schema = &response["content"]["application/problem+json"]["schema"];
            let errors: Vec<_> =
                document.validator(schema).iter_errors(&body).map(|error| error.to_string()).collect();
            assert_eq!(errors, [""; 0], "{kind}: {body}");
        }
    }
    assert_eq!(used_responses, deployed.keys().map(String::as_str).chain(["DEFAULT_4XX"]).collect());
}

#[test]
fn documents_the_statuses_and_rules_of_the_code() {
    let document = Document::read();
    let statuses = document.at("/components/schemas/OrderStatus/enum");
    assert_eq!(*statuses, json!(OrderStatus::ALL.map(OrderStatus::as_str)));
    let reasons = document.at("/components/schemas/AdjustmentReason/enum");
    assert_eq!(*reasons, json!(AdjustmentReason::ALL));
    let rules = document.at("/components/schemas/Rule/oneOf").as_array().unwrap();
    let rules: Vec<_> = rules.iter().map(|rule| rule["const"].clone()).collect();
    assert_eq!(json!(rules), json!(Rule::ALL));
}

#[test]
fn documents_the_limits_of_the_code() {
    let document = Document::read();
    let limit_at = |pointer: &str| document.at(&format!("/components/{pointer}")).as_u64().unwrap();
    let longest_id =
        [OrderId::MAX_LENGTH, CustomerId::MAX_LENGTH, ProductId::MAX_LENGTH].into_iter().max().unwrap();
    let limits = [
        ("schemas/OrderId/maxLength", OrderId::MAX_LENGTH),
        ("schemas/CustomerId/maxLength", CustomerId::MAX_LENGTH),
        ("schemas/ProductId/maxLength", ProductId::MAX_LENGTH),
        ("schemas/CorrelationId/maxLength", CorrelationId::MAX_LENGTH),
        ("schemas/IdempotencyKey/maxLength", IdempotencyKey::MAX_LENGTH),
        ("schemas/AdjustmentId/maxLength", AdjustmentId::MAX_LENGTH),
        ("schemas/ReceiptId/maxLength", ReceiptId::MAX_LENGTH),
        ("schemas/ShortText/maxLength", ShortText::MAX_LENGTH),
        ("schemas/EmailAddress/maxLength", EmailAddress::MAX_LENGTH),
        ("schemas/StockDelta/maximum", StockDelta::MAX as usize),
        ("schemas/ReorderPoint/maximum", StockLevel::MAX_REORDER_POINT as usize),
        ("schemas/UpdateInventory/properties/reorderPoint/maximum", StockLevel::MAX_REORDER_POINT as usize),
        ("schemas/Token/maxLength", (longest_id * 4).div_ceil(3)),
        ("schemas/Quantity/minimum", Quantity::MIN as usize),
        ("schemas/Quantity/maximum", Quantity::MAX as usize),
        ("schemas/Order/properties/items/maxItems", OrderLines::MAX),
        ("schemas/Order/properties/shortages/maxItems", OrderLines::MAX),
        ("schemas/Problem/properties/errors/maxItems", Violation::MAX_LISTED),
    ];
    for (pointer, limit) in limits {
        assert_eq!(limit_at(pointer), limit as u64, "{pointer}");
    }
    let lowest_delta = document.at("/components/schemas/StockDelta/minimum");
    assert_eq!(*lowest_delta, -StockDelta::MAX);
    assert_eq!(limit_at("schemas/Money/maximum").to_string(), Money::MAX.to_string().trim_end_matches(".00"));
    assert_eq!(
        document.at("/components/schemas/Price/maximum"),
        document.at("/components/schemas/Money/maximum")
    );
    let lowest_price = document.at("/components/schemas/Price/minimum");
    assert_eq!(lowest_price.to_string(), Product::MIN_PRICE.to_string());
    for header in ["IfMatch", "IfNoneMatch"] {
        let description =
            document.at(&format!("/components/parameters/{header}/description")).as_str().unwrap();
        assert!(description.contains(&format!("up to {}", precondition::MAX_TAGS)), "{description}");
    }
    let text = |pointer: &str| document.at(pointer).as_str().unwrap();
    assert!(
        text("/paths/~1order/post/requestBody/description")
            .contains(&format!("{} KiB", MAX_BODY_BYTES / 1024))
    );
    let products = text("/components/schemas/PlaceOrder/properties/items/description");
    assert!(products.contains(&format!("At most {} different products", OrderLines::MAX)), "{products}");
    let correlation = text("/components/parameters/CorrelationId/description");
    assert!(correlation.contains(&format!("1 to {} characters", CorrelationId::MAX_LENGTH)), "{correlation}");
    assert_eq!(document.at("/info/version"), env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn documents_the_page_size() {
    let document = Document::read();
    let limit = document.at("/components/parameters/Limit/schema");
    let [lowest, highest, default] =
        ["minimum", "maximum", "default"].map(|name| limit[name].as_u64().unwrap());
    for list in [
        "OrderList/properties/orders",
        "ProductList/properties/products",
        "StockList/properties/inventory",
        "AdjustmentList/properties/adjustments",
    ] {
        assert_eq!(document.at(&format!("/components/schemas/{list}/maxItems")), highest);
    }
    let shop = TestShop::seeded().await;
    let product = shop.snapshot().await.products["001"].clone();
    for n in 0..=highest {
        let mut product = product.clone();
        product.insert("ProductId".into(), dynamodb::text(format!("p{n}")));
        shop.put(&shop.tables.products, product).await;
    }
    let page = async |limit: Option<u64>| {
        let request = ApiRequest::get(PRODUCTS);
        let request = limit.iter().fold(request, |request, limit| request.query("limit", &limit.to_string()));
        let response = request.send(&shop.order_service()).await;
        (response.status, response.json()["products"].as_array().map_or(0, |page| page.len() as u64))
    };
    assert_eq!(page(None).await, (200, default));
    assert_eq!(page(Some(lowest)).await, (200, lowest));
    assert_eq!(page(Some(highest)).await, (200, highest));
    assert_eq!(page(Some(lowest - 1)).await, (422, 0));
    assert_eq!(page(Some(highest + 1)).await, (422, 0));
}
