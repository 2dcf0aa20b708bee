//! Wall times: of parsing a reference, deciding on an image, answering a review.
#![allow(missing_docs, clippy::panic, clippy::expect_used, reason = "a benchmark")]

#[allow(dead_code, reason = "each benchmark uses some")]
mod cases;

use std::hint::black_box;

use bumpalo::Bump;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use detour::reference::Reference;

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (shape, bytes) in ["host", "path", "hyphens"].map(|shape| (shape, 10_000)) {
        let text = cases::text(shape, bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(shape, |bencher| bencher.iter(|| Reference::parse(black_box(&text))));
    }
}

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(cases::LOOK_UPS as u64));
    for (targets, rules) in ["literal", "template"]
        .into_iter()
        .flat_map(|targets| [10, 1_000, 100_000].map(|rules| (targets, rules)))
    {
        let (mapping, images) = (cases::mapping(targets, rules), cases::images(rules));
        let mut arena = Bump::new();
        group.bench_function(BenchmarkId::new(targets, rules), |bencher| {
            bencher.iter(|| cases::decide_all(&mapping, &images, &mut arena));
        });
    }
}

fn admit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("admit");
    let mapping = cases::one_rule();
    for name in ["four", "twenty", "five-hundred", "large"] {
        let review = cases::review(name);
        let mut arena = Bump::new();
        group.throughput(Throughput::Bytes(review.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| cases::admit_one(&review, &mapping, &mut arena));
        });
    }
}

criterion_group!(benches, parse, decide, admit);
criterion_main!(benches);
