//! The programs of ../javascript/programs.mjs and ../python/programs.py, with
//! AWS's Rust SDK. AWS_LAMBDA_FUNCTION_NAME says which of them this is.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_durable_execution_sdk as durable;
use durable::builders::map_parallel::CompletionConfig;
use durable::builders::wait_for_condition::WaitDecision;
use durable::{BoxError, Branch, DurableContext, RetryDecision, StepSemantics};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

type Outcome = Result<Value, BoxError>;

const SECOND: Duration = Duration::from_secs(1);

/// Retries after a second, up to so many attempts.
fn attempts(most: u32) -> impl Fn(&durable::StepError, u32) -> RetryDecision + Send + Sync + 'static {
    move |_, attempt| if attempt < most { RetryDecision::Retry { delay: SECOND } } else { RetryDecision::Stop }
}

/// What of an error every SDK tells its user: the message that was recorded.
fn told(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

async fn step(event: Value, ctx: DurableContext) -> Outcome {
    let name = event["name"].as_str().unwrap_or_default().to_owned();
    let greeting = ctx.step(move |_| async move { Ok(format!("Hello {name}")) }).name("greet").await?;
    let loud = ctx.step(move |_| async move { Ok(greeting.to_uppercase()) }).name("shout").await?;
    Ok(json!({ "greeting": loud }))
}

async fn step_retry(_: Value, ctx: DurableContext) -> Outcome {
    let attempt = ctx
        .step(|step| async move {
            match step.attempt() {
                attempt @ ..3 => Err(format!("attempt {attempt} failed").into()),
                attempt => Ok(attempt),
            }
        })
        .name("flaky")
        .retry_strategy(attempts(5))
        .await?;
    Ok(json!({ "attempt": attempt }))
}

async fn step_failure(event: Value, ctx: DurableContext) -> Outcome {
    let charged: Result<Value, _> = ctx
        .step(|_| async { Err(declined("the card was declined")) })
        .name("charge")
        .retry_strategy(attempts(1))
        .await;
    match charged {
        Err(error) if event["catch"] == json!(true) => Ok(json!({ "caught": told(&error) })),
        outcome => Ok(outcome?),
    }
}

fn declined(text: &str) -> BoxError {
    durable::TypedError::with_type("CardDeclined", text).into()
}

/// Dies in the middle of its step, the first time.
fn die_once(marker: &str) {
    if !Path::new(marker).exists() {
        std::fs::write(marker, "").expect("marked");
        std::process::exit(3);
    }
}

async fn at_least_once(event: Value, ctx: DurableContext) -> Outcome {
    fragile(event, ctx, StepSemantics::AtLeastOncePerRetry).await
}

async fn at_most_once(event: Value, ctx: DurableContext) -> Outcome {
    fragile(event, ctx, StepSemantics::AtMostOncePerRetry).await
}

async fn fragile(event: Value, ctx: DurableContext, semantics: StepSemantics) -> Outcome {
    let marker = event["marker"].as_str().unwrap_or_default().to_owned();
    let attempt = ctx
        .step(move |step| {
            let marker = marker.clone();
            async move {
                die_once(&marker);
                Ok(step.attempt())
            }
        })
        .name("fragile")
        .semantics(semantics)
        .retry_strategy(attempts(3))
        .await?;
    Ok(json!({ "attempt": attempt }))
}

async fn wait(_: Value, ctx: DurableContext) -> Outcome {
    let before = ctx.step(|_| async { Ok(now()) }).name("before").await?;
    ctx.wait(SECOND).name("nap").await?;
    let after = ctx.step(|_| async { Ok(now()) }).name("after").await?;
    Ok(json!({ "slept": after - before >= 1000 }))
}

async fn child(_: Value, ctx: DurableContext) -> Outcome {
    let order: String = ctx
        .run_in_child_context(|inner| async move {
            let reserved = inner.step(|_| async { Ok("R-1".to_owned()) }).name("reserve").await?;
            inner.wait(SECOND).name("packing").await?;
            Ok(inner.step(move |_| async move { Ok(format!("{reserved} shipped")) }).name("ship").await?)
        })
        .name("order")
        .await?;
    let doomed: Result<Value, _> = ctx
        .run_in_child_context(|inner| async move {
            let refused = inner.step(|_| async { Err::<Value, BoxError>("out of stock".into()) });
            Ok(refused.name("refuse").retry_strategy(attempts(1)).await?)
        })
        .name("doomed")
        .await;
    Ok(json!({ "order": order, "refused": doomed.err().map(|error| told(&error)) }))
}

async fn map(event: Value, ctx: DurableContext) -> Outcome {
    let numbers: Vec<i64> = serde_json::from_value(event["numbers"].clone())?;
    let batch = ctx
        .map(numbers, |item, number: i64, _| async move {
            let compute = item.step(move |_| async move {
                if number < 0 { Err(format!("{number} is negative").into()) } else { Ok(number * 2) }
            });
            Ok(compute.name("compute").retry_strategy(attempts(1)).await?)
        })
        .name("double")
        .max_concurrency(1)
        .item_namer(|i| format!("number-{i}"))
        .completion(CompletionConfig::with_tolerated_failure_count(1))
        .await_batch()
        .await?;
    Ok(json!({ "doubled": batch.results(), "failed": batch.failure_count() }))
}

async fn parallel(_: Value, ctx: DurableContext) -> Outcome {
    let branches = vec![
        Branch::new("quick", |branch: DurableContext| async move {
            Ok(branch.step(|_| async { Ok("L".to_owned()) }).name("left").await?)
        }),
        Branch::new("slow", |branch: DurableContext| async move {
            branch.wait(2 * SECOND).name("pause").await?;
            Ok(branch.step(|_| async { Ok("R".to_owned()) }).name("right").await?)
        }),
    ];
    let results: Vec<String> = ctx.parallel(branches).name("both").await?;
    Ok(json!({ "all": results.len() == 2, "results": results }))
}

async fn callback(_: Value, ctx: DurableContext) -> Outcome {
    let approval = ctx.create_callback::<Value>().name("approval").timeout(600 * SECOND).await?;
    let known = !approval.id().is_empty();
    let asked = ctx.step(move |_| async move { Ok(known) }).name("ask").await?;
    match approval.result().await {
        Ok(answer) => Ok(json!({ "asked": asked, "answer": answer })),
        Err(error) => Ok(json!({ "asked": asked, "refused": told(&error) })),
    }
}

async fn wait_for_callback(event: Value, ctx: DurableContext) -> Outcome {
    let fails = event["submitter"] == json!("fails");
    let mut approval = ctx
        .wait_for_callback::<Value, _, _>(move |_, _| async move {
            if fails { Err("nobody to ask".into()) } else { Ok(()) }
        })
        .name("approval")
        .submitter_retry(attempts(1))
        .timeout(Duration::from_secs(event["timeout"].as_u64().unwrap_or(600)));
    if let Some(seconds) = event["heartbeat"].as_u64() {
        approval = approval.heartbeat(Duration::from_secs(seconds));
    }
    match approval.await {
        Ok(answer) => Ok(json!({ "answer": answer })),
        // What other SDKs have types for.
        Err(_) if fails => Ok(json!({ "kind": "CallbackSubmitterError" })),
        Err(error) if format!("{error:#}").contains("timed out") => Ok(json!({ "kind": "CallbackTimeoutError" })),
        Err(error) => Ok(json!({ "kind": format!("{error:#}") })),
    }
}

async fn wait_for_condition(_: Value, ctx: DurableContext) -> Outcome {
    let polls = ctx
        .wait_for_condition(|_, polls: i64| async move { Ok(polls + 1) }, 0)
        .wait_strategy_fn(|polls: i64, _| if polls < 3 { WaitDecision::continue_with(SECOND) } else { WaitDecision::complete() })
        .name("ready")
        .await?;
    Ok(json!({ "polls": polls }))
}

async fn invoke(event: Value, ctx: DurableContext) -> Outcome {
    let function = event["function"].as_str().unwrap_or_default();
    match ctx.invoke::<Value, _>(function, event["payload"].clone()).name("call").await {
        Ok(answer) => Ok(json!({ "result": answer })),
        Err(error) => Ok(json!({ "failed": told(&error) })),
    }
}

/// A child whose result is too large to record is rebuilt from its steps.
async fn large_child(_: Value, ctx: DurableContext) -> Outcome {
    let text: String = ctx
        .run_in_child_context(|inner| async move {
            let mut parts = String::new();
            for i in 0..3 {
                let part = inner.step(move |_| async move { Ok(i.to_string().repeat(100_000)) });
                parts += &part.name(format!("part-{i}")).await?;
            }
            Ok(parts)
        })
        .name("library")
        .await?;
    ctx.wait(SECOND).name("nap").await?;
    Ok(json!({ "length": text.len(), "ends": text[text.len() - 3..] }))
}

/// More state than one invocation's event can hold.
async fn large_state(event: Value, ctx: DurableContext) -> Outcome {
    let size = event["size"].as_u64().unwrap_or_default() as usize;
    let mut sum = 0;
    for i in 0..event["steps"].as_u64().unwrap_or_default() {
        let part = ctx.step(move |_| async move { Ok((i % 10).to_string().repeat(size)) });
        sum += part.name(format!("part-{i}")).await?.len();
    }
    ctx.wait(SECOND).name("nap").await?;
    Ok(json!({ "sum": sum }))
}

async fn large_result(event: Value, _: DurableContext) -> Outcome {
    Ok("x".repeat(event["size"].as_u64().unwrap_or_default() as usize).into())
}

async fn failure(_: Value, _: DurableContext) -> Outcome {
    Err(declined("no operation at all"))
}

/// Passes a list on to the functions of a route, each of which adds its mark.
async fn chain(event: Value, ctx: DurableContext) -> Outcome {
    let mark = ctx.step(|_| async { Ok("rust".to_owned()) }).name("mark").await?;
    let mut route: Vec<String> = serde_json::from_value(event["route"].clone())?;
    let mut trail: Vec<String> = serde_json::from_value(event["trail"].clone())?;
    trail.push(mark.clone());
    if route.is_empty() {
        return Ok(json!(trail));
    }
    let next = route.remove(0);
    let mut back: Vec<String> = ctx.invoke(next, json!({ "route": route, "trail": trail })).name("pass-on").await?;
    back.push(mark);
    Ok(json!(back))
}

/// Is not durable, as is fails.
async fn add(event: LambdaEvent<Value>) -> Outcome {
    let sum = event.payload["a"].as_i64().unwrap_or_default() + event.payload["b"].as_i64().unwrap_or_default();
    Ok(json!({ "sum": sum, "by": "rust" }))
}

async fn fails(_: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Diagnostic> {
    Err(lambda_runtime::Diagnostic { error_type: "Closed".into(), error_message: "the shop is closed".into() })
}

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME")?;
    match name.trim_start_matches("rust-") {
        "step" => durable::run(step).await,
        "step_retry" => durable::run(step_retry).await,
        "step_failure" => durable::run(step_failure).await,
        "at_least_once" => durable::run(at_least_once).await,
        "at_most_once" => durable::run(at_most_once).await,
        "wait" => durable::run(wait).await,
        "child" => durable::run(child).await,
        "map" => durable::run(map).await,
        "parallel" => durable::run(parallel).await,
        "callback" => durable::run(callback).await,
        "wait_for_callback" => durable::run(wait_for_callback).await,
        "wait_for_condition" => durable::run(wait_for_condition).await,
        "invoke" => durable::run(invoke).await,
        "large_child" => durable::run(large_child).await,
        "large_state" => durable::run(large_state).await,
        "large_result" => durable::run(large_result).await,
        "failure" => durable::run(failure).await,
        "chain" => durable::run(chain).await,
        "add" => lambda_runtime::run(service_fn(add)).await,
        "fails" => lambda_runtime::run(service_fn(fails)).await,
        other => Err(format!("there is no function called {other}").into()),
    }
}
