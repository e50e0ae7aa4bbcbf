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

LinePage Reconciler::lines(const LineQuery& query) const {
    return state_->keeper.lines(query);
}

std::map<CertificateState, std::size_t> Reconciler::states() const {
    return state_->keeper.states();
}

std::vector<CaLine> Reconciler::authorities() const {
    return state_->keeper.authorities();
}

std::vector<RenewLine> Reconciler::renew(const RenewRequest& request) {
    return state_->keeper.renew(request);
}

void Reconciler::import(const ImportTarget& target,
                        std::vector<ImportItem> items,
                        ImportDone done) {
    state_->keeper.import(target, std::move(items), std::move(done));
}

void Reconciler::hold() {
    state_->keeper.hold();
}

void Reconciler::release() {
    state_->keeper.release();
}

void Reconciler::stop() {
    state_->keeper.stop();
}

std::vector<Hostname> Reconciler::stop_for_another() {
    return state_->keeper.stop_for_another();
}

bool Reconciler::answers_the_cas() const {
    return state_->keeper.answers_the_cas();
}

}  // namespace mesh::control
