#pragma once
#include "base/result.hpp"
#include "proxy/data_plane.hpp"
#include "proxy/file_descriptor.hpp"
#include "proxy/inherited_socket.hpp"
#include "proxy/lifetime.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace mesh::proxy {

/// A listening socket of one worker, for as long as it is open.
using ListenerId = std::uint64_t;

/// What one worker has to do when the addresses change.
struct ListenerChange {
    struct Opened {
        ListenerId id;
        LifetimePtr entry_point;
        FileDescriptor socket;
    };
    std::vector<Opened> opened;
    std::vector<std::pair<ListenerId, LifetimePtr>> moved;  ///< to another entry point
    struct Closed {
        ListenerId id;
        /// Alive until the worker has done it: the address is taken as long.
        std::shared_ptr<const model::ListenAddress> address;
    };
    std::vector<Closed> closed;
};

/// Which addresses are bound, and how that follows the snapshots. A socket belongs to its address,
/// not to an entry point: renaming or swapping entry points opens and closes none.
class BoundAddresses {
 public:
    /// The way from what is bound to what a snapshot wants. Sockets that are new listen already;
    /// unless the change is committed they are closed again.
    struct Change {
        std::vector<BindFailure> failures;  ///< all at once; then the rest means nothing
        std::vector<ListenerChange> per_worker;

     private:
        friend class BoundAddresses;
        using Key = std::tuple<model::ListenAddress, std::string>;
        struct Bound {
            ListenerId id;
            std::size_t sockets;  ///< of one worker at most: `id` and those behind it
            std::uint16_t port;
            LifetimePtr entry_point;
        };
        std::map<Key, Bound> bound_;
        std::vector<std::weak_ptr<const model::ListenAddress>> closing_;
        ListenerId next_id_ = 0;
    };

    /// Bound by somebody else, for the snapshot that comes next, and where they are kept elsewhere
    /// for all later ones: what is wanted is not bound anew.
    void inherit(std::vector<InheritedSocket> sockets) { inherited_ = std::move(sockets); }
    /// Those that no entry point of the snapshot wants. The others are let go of here as well, but
    /// for those kept elsewhere: a later snapshot may want their address, which cannot be bound.
    [[nodiscard]] std::vector<InheritedSocket> take_unclaimed(const Snapshot& snapshot);

    /// Copies of those that are here for later snapshots. Errors: limit (no descriptors are left).
    [[nodiscard]] Result<std::vector<InheritedSocket>> kept_for_later() const;

    /// The entry points for which prepare() would bind an address: no socket is here.
    [[nodiscard]] std::vector<std::shared_ptr<const EntryPointRoutes>> unbound(
        const Snapshot& wanted) const;
    [[nodiscard]] Change prepare(const Snapshot& wanted, std::size_t workers, int backlog) const;
    void commit(const Change& change);
    /// Where the entry points of the snapshot committed last listen, in its order.
    [[nodiscard]] std::vector<model::ListenAddress> real_addresses(const Snapshot& snapshot) const;
    /// Which of a worker's listeners is bound for which address, and for which entry point.
    struct Meaning {
        model::ListenAddress address;
        std::string entry_point;
    };
    [[nodiscard]] std::map<ListenerId, Meaning> meanings(const Snapshot& snapshot) const;

 private:
    using Key = Change::Key;
    using Bound = Change::Bound;
    static Key key_of(const EntryPointRoutes& entry_point);
    /// True where a socket of ours takes connections to that address already.
    [[nodiscard]] bool overlaps(const model::ListenAddress& address) const;
    [[nodiscard]] std::vector<const InheritedSocket*> inherited_for(
        const EntryPointRoutes& entry_point) const;
    [[nodiscard]] std::string explain_taken(const model::ListenAddress& address,
                                            const std::string& otherwise) const;
    /// Adds to the change what an entry point gets that has no socket yet.
    void open(Change& change, const EntryPointRoutes& entry_point, int backlog) const;

    std::map<Key, Bound> bound_;
    /// Given up, and perhaps not closed by every worker yet.
    std::vector<std::weak_ptr<const model::ListenAddress>> closing_;
    ListenerId next_id_ = 0;
    std::vector<InheritedSocket> inherited_;
};

}  // namespace mesh::proxy
