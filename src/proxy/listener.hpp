#pragma once
#include "proxy/admission.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/lifetime.hpp"

#include <chrono>

namespace mesh::proxy {

/// Accepts the connections of one address on one worker. At a limit, or when the system runs
/// out of descriptors or memory or gives none out, it leaves them in the kernel's backlog for a
/// pause instead of spinning or dropping them.
class Listener final : public ReadinessTarget {
 public:
    class Sink {
     public:
        /// What the entry point may have now.
        [[nodiscard]] virtual EntryPointShare share_of(const Lifetime& entry_point) const = 0;
        virtual void on_accepted(const LifetimePtr& entry_point,
                                 FileDescriptor socket,
                                 const SocketAddress& peer,
                                 Admission::ConnectionSlot connection,
                                 Admission::HandshakeSlot handshake) = 0;
        /// Nothing is accepted for the length of the pause.
        virtual void on_accept_paused(const Lifetime& entry_point, std::string_view why) = 0;

     protected:
        ~Sink() = default;
    };

    /// Throws std::system_error when the socket cannot be watched.
    Listener(EventLoop& loop,
             Admission& admission,
             Sink& sink,
             LifetimePtr entry_point,
             FileDescriptor socket,
             int backlog,
             std::chrono::milliseconds pause);

    /// What is accepted from now on is this entry point's.
    void serve(LifetimePtr entry_point) { entry_point_ = std::move(entry_point); }

    [[nodiscard]] const Lifetime& entry_point() const { return *entry_point_; }
    /// One more descriptor of its socket; empty, with errno set, when there is none left.
    [[nodiscard]] FileDescriptor duplicate() const;

    /// Leaves connections in the kernel's queue until accept(), close() too: another process
    /// accepts from it.
    void hold();
    void accept();
    /// Goes on after a pause that is over.
    void resume_if_due();
    /// When a pause ends; SteadyTime::max() without one.
    [[nodiscard]] SteadyTime resume_at() const { return resume_at_; }

    /// Takes what the kernel has completed already, a backlog's worth at most, unless it is held;
    /// then closes the socket.
    void close();

    void on_ready(Descriptor&) override;

 private:
    enum class Accepted { one, none, paused };
    Accepted accept_one();
    Accepted pause(std::string_view why);

    EventLoop& loop_;
    Admission& admission_;
    Sink& sink_;
    LifetimePtr entry_point_;
    DescriptorPtr socket_;
    const int backlog_;
    const std::chrono::milliseconds pause_;
    SteadyTime resume_at_ = SteadyTime::max();
    bool held_ = false;
};

}  // namespace mesh::proxy
