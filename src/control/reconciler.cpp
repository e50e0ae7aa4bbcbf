#include "control/reconciler.hpp"

#include "control/certificate_keeper.hpp"

#include <utility>

namespace mesh::control {

struct Reconciler::State {
    CertificateKeeper keeper;
};

Reconciler::Reconciler(ReconcilerSettings settings,
                       store::Store& store,
                       Publisher& publisher,
                       Executor& executor,
                       const Clock& clock,
                       Log& log)
    : state_(new State{
          CertificateKeeper{std::move(settings), store, publisher, executor, clock, log}}) {}

Reconciler::~Reconciler() {
    stop();
}

Status Reconciler::load() {
    return state_->keeper.load();
}

void Reconciler::want(const model::WantedSet& wanted,
                      const std::map<std::string, model::CertResolver>& resolvers) {
    state_->keeper.want(wanted, resolvers);
}

void Reconciler::order_again(std::int64_t certificate_id, std::int64_t version_id) {
    state_->keeper.order_again(certificate_id, version_id);
}

void Reconciler::stop() {
    state_->keeper.stop();
}

}  // namespace mesh::control
