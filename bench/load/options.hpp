#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace mesh::bench {

/// What lies between the generator and the bytes it exchanges.
enum class Transport : std::uint8_t {
    tls,    ///< a TLS 1.3 session that the server under test ends
    hello,  ///< a ClientHello for its server name first, then bytes: what is passed through
    plain,  ///< nothing
};

enum class Direction : std::uint8_t { out, in };  ///< of the bulk, as the server's clients see it

/// One command line, checked. `--help` (in options.cpp) says what each means.
struct Options {
    std::string mode;  ///< connect, bulk, echo, idle, backend or floor

    std::vector<sockaddr_in> to;
    std::vector<in_addr> from;
    std::vector<std::string> names{"bench.example"};
    Transport transport = Transport::tls;
    std::string ca_file;  ///< empty: certificates are not verified
    bool resume = false;
    bool lean = false;  ///< with LeanTls instead of OpenSSL
    bool verify = false;
    bool in_turn = false;  ///< names one after the other, not at random
    Direction direction = Direction::out;
    std::size_t connections = 32;
    std::size_t size = 64;         ///< bytes of an echo
    std::uint64_t operations = 0;  ///< connect: stop after so many; 0: by the clock
    std::uint64_t rate = 0;        ///< connect: begin so many a second; 0: one after the other
    std::uint64_t bytes = 0;       ///< bulk: stop after so many on each connection; 0: by the clock
    std::chrono::milliseconds warmup{250};
    std::chrono::milliseconds window{1000};
    std::chrono::milliseconds deadline{10'000};  ///< of one operation
    std::uint64_t seed = 1;
    std::vector<pid_t> watch;  ///< processes whose CPU is read at both ends of the window

    std::vector<sockaddr_in> echo;  ///< backend: where to listen, by what is done there
    std::vector<sockaddr_in> source;
    std::vector<sockaddr_in> sink;
    std::vector<sockaddr_in> discard;

    std::vector<sockaddr_in> listen;  ///< floor
    std::string certificate;  ///< floor: PEM of chain and key; empty: bytes are passed through
    std::size_t tickets = 2;
};

/// Ends the process with a message and status 2 when the command line is wrong, with status 0 after
/// `--help`.
Options parse_options(int argc, char** argv);

/// The kinds of failure end here: `mesh_load: TEXT` on standard error, status 1.
[[noreturn]] void die(std::string_view text);

}  // namespace mesh::bench
