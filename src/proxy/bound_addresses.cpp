#include "proxy/bound_addresses.hpp"

#include "proxy/listen_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace mesh::proxy {

namespace {

bool takes_every_host(const std::string& host) {
    return host.empty() || host == "0.0.0.0" || host == "::";
}

bool share_connections(const model::ListenAddress& a, const model::ListenAddress& b) {
    return a.port == b.port && a.port != 0 &&
           (a.host == b.host || takes_every_host(a.host) || takes_every_host(b.host));
}

/// Without a socket, and errno set, when no descriptor is left.
InheritedSocket copy_of(const InheritedSocket& other) {
    return {duplicate(other.socket), other.bound, other.name, other.any_port, other.kept_elsewhere};
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

std::vector<const InheritedSocket*> BoundAddresses::inherited_for(
    const EntryPointRoutes& entry_point) const {
    std::vector<const InheritedSocket*> found;
    for (const InheritedSocket& socket : inherited_)
        if (serves(socket, entry_point.address, entry_point.name)) found.push_back(&socket);
    return found;
}

/// Who else has the address is to be seen in no table, where it is a socket that was passed to us.
std::string BoundAddresses::explain_taken(const model::ListenAddress& address,
                                          const std::string& otherwise) const {
    const auto passed =
        std::find_if(inherited_.begin(), inherited_.end(), [&](const InheritedSocket& socket) {
            return is_in_the_way(socket, address);
        });
    if (passed == inherited_.end()) return otherwise;
    return "cannot bind " + address.text() + ": the service manager has passed " +
           passed->bound.text() + " (\"" + passed->name +
           "\"), which takes its connections; give the entry point that address, or write "
           "ListenStream=" +
           address.text() + " into the socket unit";
}

void BoundAddresses::open(Change& change, const EntryPointRoutes& entry_point, int backlog) const {
    const std::size_t workers = change.per_worker.size();
    std::vector<std::vector<FileDescriptor>> sockets;
    std::uint16_t port = 0;
    if (const auto inherited = inherited_for(entry_point); !inherited.empty()) {
        port = inherited.front()->bound.port();
        sockets = deal(inherited, workers);
        if (sockets.front().empty()) {
            const int error = errno;
            change.failures.push_back({entry_point.name,
                                       entry_point.address,
                                       error,
                                       "cannot take over " + entry_point.address.text() + ": " +
                                           std::generic_category().message(error)});
            return;
        }
    } else {
        // Beside a socket of our own that goes away later, nothing can be bound alone.
        const bool shared = entry_point.reuse_port || overlaps(entry_point.address);
        ListenSockets own = listen_on(entry_point.address, workers, backlog, shared);
        if (own.error != 0) {
            change.failures.push_back({entry_point.name,
                                       entry_point.address,
                                       own.error,
                                       own.error == EADDRINUSE
                                           ? explain_taken(entry_point.address, own.message)
                                           : own.message});
            return;
        }
        port = own.port;
        for (FileDescriptor& one : own.per_worker) sockets.emplace_back().push_back(std::move(one));
    }
    // The first worker has as many as any other.
    const Change::Bound bound{change.next_id_, sockets.front().size(), port, entry_point.lifetime};
    for (std::size_t w = 0; w < workers; ++w)
        for (std::size_t i = 0; i < sockets[w].size(); ++i)
            change.per_worker[w].opened.push_back(
                {bound.id + i, bound.entry_point, std::move(sockets[w][i])});
    change.next_id_ += bound.sockets;
    change.bound_.emplace(key_of(entry_point), bound);
}

std::vector<InheritedSocket> BoundAddresses::take_unclaimed(const Snapshot& snapshot) {
    const auto is_claimed = [&](const InheritedSocket& socket) {
        return std::any_of(snapshot.entry_points.begin(),
                           snapshot.entry_points.end(),
                           [&](const auto& entry_point) {
                               return serves(socket, entry_point->address, entry_point->name);
                           });
    };
    std::vector<InheritedSocket> unclaimed;
    std::vector<InheritedSocket> kept;
    for (InheritedSocket& socket : inherited_) {
        if (socket.kept_elsewhere)
            if (InheritedSocket copy = copy_of(socket); copy.socket)
                kept.push_back(std::move(copy));
        if (!is_claimed(socket)) unclaimed.push_back(std::move(socket));
    }
    inherited_ = std::move(kept);
    return unclaimed;
}

Result<std::vector<InheritedSocket>> BoundAddresses::kept_for_later() const {
    std::vector<InheritedSocket> kept;
    for (const InheritedSocket& socket : inherited_) {
        if (!socket.kept_elsewhere) continue;
        kept.push_back(copy_of(socket));
        if (!kept.back().socket)
            return Error{Errc::limit, Origin::internal, std::generic_category().message(errno)};
    }
    return kept;
}

std::map<ListenerId, BoundAddresses::Meaning> BoundAddresses::meanings(
    const Snapshot& snapshot) const {
    std::map<ListenerId, Meaning> out;
    for (const auto& entry_point : snapshot.entry_points) {
        const Bound& bound = bound_.at(key_of(*entry_point));
        for (std::size_t i = 0; i < bound.sockets; ++i)
            out.emplace(bound.id + i, Meaning{entry_point->address, entry_point->name});
    }
    return out;
}

std::vector<std::shared_ptr<const EntryPointRoutes>> BoundAddresses::unbound(
    const Snapshot& wanted) const {
    std::vector<std::shared_ptr<const EntryPointRoutes>> found;
    for (const auto& entry_point : wanted.entry_points)
        if (!bound_.contains(key_of(*entry_point)) && inherited_for(*entry_point).empty())
            found.push_back(entry_point);
    return found;
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
                    for (std::size_t i = 0; i < bound.sockets; ++i)
                        worker.moved.emplace_back(bound.id + i, entry_point->lifetime);
            bound.entry_point = entry_point->lifetime;
            change.bound_.emplace(key, std::move(bound));
            continue;
        }
        open(change, *entry_point, backlog);
    }
    for (const auto& [key, bound] : bound_) {
        if (change.bound_.contains(key)) continue;
        const auto address = std::make_shared<const model::ListenAddress>(std::get<0>(key));
        for (ListenerChange& worker : change.per_worker)
            for (std::size_t i = 0; i < bound.sockets; ++i)
                worker.closed.push_back({bound.id + i, address});
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
