#include "fixture.hpp"

#include <ctime>
#include <iostream>

namespace mesh::store {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// CPU time of this process: what else the machine does is not the store's doing.
microseconds used() {
    return microseconds(std::int64_t{std::clock()} * 1'000'000 / CLOCKS_PER_SEC);
}

milliseconds since(microseconds begin) {
    return std::chrono::duration_cast<milliseconds>(used() - begin);
}

/// Certificates as an import writes them: 5,000 changes to a transition.
void import_certificates(Store& store, TestExecutor& executor, int count) {
    std::vector<std::future<Result<Applied>>> results;
    Transition transition;
    for (int i = 0; i < count; ++i) {
        const std::string name = "host-" + std::to_string(i) + ".shop.example";
        CertificateRecord record = a_certificate(name);
        record.key.names.push_back("www." + name);
        record.ordered_names.push_back("www." + name);
        record.next_at = at(1'705'000'000 + i);
        PutVersion version = a_version(name, std::string(241, 'k'));
        version.key = record.key;
        version.chain_pem = std::string(3'600, 'c');
        transition.push_back(PutCertificate{std::move(record)});
        transition.push_back(std::move(version));
        if (transition.size() >= 5'000 || i + 1 == count) {
            results.push_back(submit(store, executor, std::move(transition)));
            transition.clear();
        }
    }
    for (auto& result : results)
        if (const auto applied = result.get(); !applied)
            throw std::runtime_error(applied.error().message);
}

void measure(int count) {
    TempFolder folder;
    TestExecutor executor;
    auto store = open_own(folder.file("mesh.db"));
    microseconds begin = used();
    import_certificates(*store, executor, count);
    const milliseconds import_time = since(begin);
    store.reset();

    begin = used();
    store = open_own(folder.file("mesh.db"));
    const milliseconds open_time = since(begin);
    begin = used();
    const auto certificates = store->certificates();
    const milliseconds read_time = since(begin);
    REQUIRE(certificates);
    REQUIRE(certificates->size() == static_cast<std::size_t>(count));

    begin = used();
    constexpr int versions = 1'000;
    for (int i = 0; i < versions; ++i) {
        const auto place = static_cast<std::size_t>(i * 7919 % count);
        REQUIRE(store->version((*certificates)[place].version_id));
    }
    const microseconds per_version = (used() - begin) / versions;

    std::cout << "store with " << count << " certificates, CPU time: imported in "
              << import_time.count() << " ms, opened in " << open_time.count()
              << " ms, all read in " << read_time.count() << " ms, a cold version in "
              << per_version.count() << " us\n";
    // The figures are for reading; the bounds only hold against work that grows with the square,
    // or that touches every key, on a busy machine and under a sanitizer too.
    CHECK(import_time < count * microseconds(1'500));
    CHECK(open_time < milliseconds(1'000));
    CHECK(read_time < count * microseconds(150));
}

}  // namespace

TEST_CASE("store: 20,000 certificates are imported in seconds and read at once",
          "[store][capacity]") {
    measure(20'000);
}

TEST_CASE("store: 100,000 certificates", "[.][store][capacity]") {
    measure(100'000);
}

}  // namespace mesh::store
