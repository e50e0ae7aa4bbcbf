#pragma once
#include "http/client.hpp"
#include "store/store.hpp"

#include <algorithm>
#include <memory>

namespace mesh::fault {

/// Counts what is under way in other threads: a token is held by each completion that is still to
/// come, and dies with it, whether it ran, was cancelled or dropped.
class UnderWay {
 public:
    [[nodiscard]] std::shared_ptr<int> token() const { return token_; }
    [[nodiscard]] std::size_t count() const {
        return static_cast<std::size_t>(token_.use_count() - 1);
    }

 private:
    std::shared_ptr<int> token_ = std::make_shared<int>(0);
};

/// An http::Client whose exchanges are counted.
class WatchedHttp final : public http::Client {
 public:
    WatchedHttp(std::unique_ptr<http::Client> inner, UnderWay& exchanges)
        : inner_(std::move(inner)), exchanges_(exchanges) {}

    http::RequestId send(http::Request request,
                         Executor& executor,
                         http::Completion done) override {
        auto counted = [token = exchanges_.token(), done = std::move(done)](auto answer) mutable {
            token.reset();  // what follows from it is another exchange
            done(std::move(answer));
        };
        const auto id = inner_->send(std::move(request), executor, std::move(counted));
        in_flight_max = std::max(in_flight_max, exchanges_.count());
        return id;
    }
    void cancel(http::RequestId id) override { inner_->cancel(id); }

    std::size_t in_flight_max = 0;

 private:
    std::unique_ptr<http::Client> inner_;
    UnderWay& exchanges_;
};

/// A store whose commits are counted.
class WatchedStore final : public store::Store {
 public:
    WatchedStore(std::unique_ptr<store::Store> inner, UnderWay& commits)
        : inner_(std::move(inner)), commits_(commits) {}

    void apply(store::Transition transition,
               Executor& executor,
               std::function<void(Result<store::Applied>)> done) override {
        inner_->apply(std::move(transition),
                      executor,
                      [token = commits_.token(), done = std::move(done)](auto result) {
                          done(std::move(result));
                      });
    }
    Result<std::vector<store::StoredCertificate>> certificates() override {
        return inner_->certificates();
    }
    Result<store::VersionMaterial> version(std::int64_t id) override { return inner_->version(id); }
    Result<std::vector<store::OrderRecord>> orders() override { return inner_->orders(); }
    Result<std::vector<store::AccountRecord>> accounts() override { return inner_->accounts(); }
    Result<std::vector<store::AuthorityRecord>> authorities() override {
        return inner_->authorities();
    }
    Result<std::vector<store::HistoryRecord>> history(const store::CertificateKey& key,
                                                      std::size_t limit) override {
        return inner_->history(key, limit);
    }
    [[nodiscard]] bool writable() const override { return inner_->writable(); }

 private:
    std::unique_ptr<store::Store> inner_;
    UnderWay& commits_;
};

}  // namespace mesh::fault
