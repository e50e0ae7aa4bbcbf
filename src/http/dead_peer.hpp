#pragma once

namespace mesh::http {

/// Has the system end a TCP connection whose peer is gone without a word, within a minute, whether
/// bytes are on their way to it or none are. Sockets of other families are left alone.
void notice_dead_peer(int socket) noexcept;

}  // namespace mesh::http
