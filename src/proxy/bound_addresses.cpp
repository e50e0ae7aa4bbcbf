#include "proxy/bound_addresses.hpp"

#include "proxy/listen_socket.hpp"

#include <algorithm>

namespace mesh::proxy {

namespace {

bool takes_every_host(const std::string& host) {
    return host.empty() || host == "0.0.0.0" || host == "::";
}

bool share_connections(const model::ListenAddress& a, const model::ListenAddress& b) {
    return a.port == b.port && a.port != 0 &&
           (a.host == b.host || takes_every_host(a.host) || takes_every_host(b.host));
}

}  // namespace

/// Port 0 is another port each time it is asked for.
BoundAddresses::Key BoundAddresses::key_of(const EntryPointRoutes& entry_point) {
    return {entry_point.address, entry_point.address.port == 0 ? entry_point.name : std::string()};
}

bool BoundAddresses::overlaps(const model::ListenAddress& address) const {
    const bool open = std::any_of(bound_.begin(), bound_.end(), [&](const auto& entry) {
        return share_connections(std::get<0>(entry.first), address);
    });
    return open || std::any_of(closing_.begin(), closing_.end(), [&](const auto& closing) {
               const auto ours = closing.lock();
               return ours && share_connections(*ours, address);
           });
}

BoundAddresses::Change BoundAddresses::prepare(const Snapshot& wanted,
                                               std::size_t workers,
                                               int backlog) const {
    Change change;
    change.per_worker.resize(workers);
    change.next_id_ = next_id_;
    for (const auto& entry_point : wanted.entry_points) {
        const Key key = key_of(*entry_point);
        if (const auto kept = bound_.find(key); kept != bound_.end()) {
            Bound bound = kept->second;
            if (bound.entry_point != entry_point->lifetime)
                for (ListenerChange& worker : change.per_worker)
                    worker.moved.emplace_back(bound.id, entry_point->lifetime);
            bound.entry_point = entry_point->lifetime;
            change.bound_.emplace(key, std::move(bound));
            continue;
        }
        // Beside a socket of our own that goes away later, nothing can be bound alone.
        const bool shared = entry_point->reuse_port || overlaps(entry_point->address);
        ListenSockets sockets = listen_on(entry_point->address, workers, backlog, shared);
        if (sockets.error != 0) {
            change.failures.push_back(
                {entry_point->name, entry_point->address, sockets.error, sockets.message});
            continue;
        }
        const ListenerId id = change.next_id_++;
        for (std::size_t w = 0; w < workers; ++w)
            change.per_worker[w].opened.push_back(
                {id, entry_point->lifetime, std::move(sockets.per_worker[w])});
        change.bound_.emplace(key, Bound{id, sockets.port, entry_point->lifetime});
    }
    for (const auto& [key, bound] : bound_) {
        if (change.bound_.contains(key)) continue;
        const auto address = std::make_shared<const model::ListenAddress>(std::get<0>(key));
        for (ListenerChange& worker : change.per_worker)
            worker.closed.push_back({bound.id, address});
        change.closing_.push_back(address);
    }
    return change;
}

void BoundAddresses::commit(const Change& change) {
    bound_ = change.bound_;
    std::erase_if(closing_, [](const auto& closing) { return closing.expired(); });
    closing_.insert(closing_.end(), change.closing_.begin(), change.closing_.end());
    next_id_ = change.next_id_;
}

std::vector<model::ListenAddress> BoundAddresses::real_addresses(const Snapshot& snapshot) const {
    std::vector<model::ListenAddress> addresses;
    for (const auto& entry_point : snapshot.entry_points)
        addresses.push_back({entry_point->address.host, bound_.at(key_of(*entry_point)).port});
    return addresses;
}

}  // namespace mesh::proxy
