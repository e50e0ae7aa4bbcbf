#include "proxy/listen_socket.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace mesh::proxy {

namespace {

namespace fs = std::filesystem;

using Ip = std::array<std::uint8_t, 16>;  // as SocketAddress::ip()

constexpr Ip any_v6{};
constexpr Ip any_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

/// "0100007F:1F90", or with 32 digits: 32-bit words of the machine's byte order, in hexadecimal.
std::optional<std::pair<Ip, std::uint16_t>> read_address(std::string_view text) {
    constexpr std::size_t word_digits = 8;
    const auto colon = text.find(':');
    if (colon != word_digits && colon != 4 * word_digits) return std::nullopt;
    Ip ip = colon == word_digits ? any_v4 : any_v6;
    std::size_t at = colon == word_digits ? 12 : 0;
    for (std::size_t i = 0; i < colon; i += word_digits, at += sizeof(std::uint32_t)) {
        std::uint32_t word = 0;
        std::from_chars(text.data() + i, text.data() + i + word_digits, word, 16);
        std::memcpy(&ip[at], &word, sizeof word);
    }
    std::uint16_t port = 0;
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), port, 16);
    return std::pair(ip, port);
}

bool is_v4(const Ip& ip) {
    return std::equal(ip.begin(), ip.begin() + 12, any_v4.begin());
}

/// The one takes in the other, so that not both can be listened on.
bool overlap(const Ip& a, const Ip& b) {
    const auto takes_in = [](const Ip& wide, const Ip& ip) {
        return wide == ip || wide == any_v6 || (wide == any_v4 && is_v4(ip));
    };
    return takes_in(a, b) || takes_in(b, a);
}

/// Inodes of the sockets that listen on the address, from /proc/net/tcp or tcp6 (proc(5)).
void collect_inodes(const char* table,
                    const SocketAddress& address,
                    std::set<std::string>& inodes) {
    constexpr std::string_view listening = "0A";
    std::ifstream file(table);
    std::string line;
    std::getline(file, line);  // the heading
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
        fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
            timeout >> inode;
        const auto held = read_address(local);
        if (!fields || state != listening || !held) continue;
        if (held->second == address.port() && overlap(held->first, address.ip()))
            inodes.insert("socket:[" + inode + "]");
    }
}

bool holds_one_of(const fs::path& process, const std::set<std::string>& sockets) {
    std::error_code error;
    for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end;
         fd.increment(error)) {
        std::error_code unreadable;
        if (sockets.count(fs::read_symlink(fd->path(), unreadable).string()) != 0) return true;
    }
    return false;
}

}  // namespace

std::string port_owner(const SocketAddress& address) {
    std::set<std::string> inodes;
    collect_inodes("/proc/net/tcp", address, inodes);
    collect_inodes("/proc/net/tcp6", address, inodes);
    if (inodes.empty()) return {};
    std::error_code error;
    for (fs::directory_iterator process("/proc", error), end; !error && process != end;
         process.increment(error)) {
        const std::string pid = process->path().filename().string();
        if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
        if (!holds_one_of(process->path(), inodes)) continue;
        std::ifstream comm(process->path() / "comm");
        std::string name;
        std::getline(comm, name);
        return "pid " + pid + (name.empty() ? "" : " (" + name + ")");
    }
    return {};
}

}  // namespace mesh::proxy
