#include "options.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>

namespace mesh::bench {
namespace {

constexpr std::string_view usage =
    R"(mesh_load MODE OPTION...: load for a TCP or TLS proxy on loopback; one JSON object on standard output

  connect   connect, handshake, one byte there and back, close; again and again
  bulk      bytes one way, as fast as they go
  echo      bytes there and back on open connections
  idle      open connections, say so (a first JSON object), hold them until standard input ends
  backend   what stands behind the proxy, until SIGTERM

  floor     a relay to --to with nothing in it, for comparison, until SIGTERM

  --to A:P[,A:P...]        addresses of the server, taken in turn
  --from A[,A...]          source addresses, taken in turn
  --transport tls|hello|plain   (tls) hello: a ClientHello, then plain bytes, for what is passed through
  --name NAME, --names FILE     server names; of a file's, one a line, each connection takes one at random
  --in-turn                take the names one after the other
  --ca FILE                verify certificates against it, names included
  --resume                 connect: with the last ticket; a full handshake counts as an error
  --lean                   TLS by a client that costs little and verifies nothing: what the server does is the same
  --direction out|in       (out) bulk: from or to the server
  --connections N          (32) at a time
  --size N                 (64) bytes of an echo
  --bytes N                bulk: N bytes on each connection and no warm-up; a sink that verifies acknowledges them
  --operations N           connect: end after N, without a warm-up
  --rate N                 connect: begin N a second, however long they take; latency counts from when one was due
  --verify                 bulk: compare every byte; backend: the sink does
  --warmup MS, --window MS (250, 1000) what is counted happened in the window
  --deadline MS            (10000) of one operation; beyond it is an error
  --seed N                 (1)
  --watch PID[,PID...]     read the CPU time of these processes at both ends of the window

  backend: --echo, --source, --sink, --discard A:P[,A:P...]
    echo     sends back what comes
    source   sends without end after the first byte
    sink     takes bytes: first 8, how many to acknowledge (big-endian, 0: never), then those
    discard  closes after the first byte
    A ClientHello in front of them is echoed by echo and skipped by the others.

  floor: --listen A:P, --certificate FILE (chain and key; without it bytes are passed through), --tickets N (2)
)";

[[noreturn]] void refuse(const std::string& text) {
    std::fprintf(stderr, "mesh_load: %s; see mesh_load --help\n", text.c_str());
    std::exit(2);
}

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= list.size();) {
        const auto end = std::min(list.find(',', begin), list.size());
        parts.emplace_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

template <class Number>
Number number(std::string_view option, std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        refuse(std::string(option) + ": '" + std::string(text) + "' is not a number");
    return value;
}

in_addr address(std::string_view option, const std::string& text) {
    in_addr parsed{};
    if (inet_pton(AF_INET, text.c_str(), &parsed) != 1)
        refuse(std::string(option) + ": '" + text + "' is not an IPv4 address");
    return parsed;
}

std::vector<sockaddr_in> endpoints(std::string_view option, std::string_view list) {
    std::vector<sockaddr_in> all;
    for (const auto& text : split(list)) {
        const auto colon = text.rfind(':');
        if (colon == std::string::npos)
            refuse(std::string(option) + ": '" + text + "' has no port");
        sockaddr_in endpoint{};
        endpoint.sin_family = AF_INET;
        endpoint.sin_addr = address(option, text.substr(0, colon));
        endpoint.sin_port = htons(number<std::uint16_t>(option, text.substr(colon + 1)));
        all.push_back(endpoint);
    }
    return all;
}

std::vector<std::string> lines(const std::string& path) {
    std::ifstream file(path);
    if (!file) die("cannot read " + path);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);)
        if (!line.empty()) all.push_back(line);
    if (all.empty()) die(path + " names nobody");
    return all;
}

template <class Value>
Value one_of(std::string_view option,
             const std::string& text,
             const std::map<std::string, Value>& values) {
    if (const auto found = values.find(text); found != values.end()) return found->second;
    refuse(std::string(option) + ": '" + text + "' is none of its values");
}

}  // namespace

void die(std::string_view text) {
    std::fprintf(stderr, "mesh_load: %.*s\n", static_cast<int>(text.size()), text.data());
    std::exit(1);
}

Options parse_options(int argc, char** argv) {
    Options options;
    const auto milliseconds = [](std::string_view option, const std::string& text) {
        return std::chrono::milliseconds(number<std::uint32_t>(option, text));
    };
    using Take = std::function<void(const std::string& option, const std::string& value)>;
    const std::map<std::string, Take> with_value{
        {"--to", [&](auto& o, auto& v) { options.to = endpoints(o, v); }},
        {"--from",
         [&](auto& o, auto& v) {
             for (const auto& text : split(v)) options.from.push_back(address(o, text));
         }},
        {"--transport",
         [&](auto& o, auto& v) {
             options.transport = one_of<Transport>(o,
                                                   v,
                                                   {{"tls", Transport::tls},
                                                    {"hello", Transport::hello},
                                                    {"plain", Transport::plain}});
         }},
        {"--direction",
         [&](auto& o, auto& v) {
             options.direction =
                 one_of<Direction>(o, v, {{"out", Direction::out}, {"in", Direction::in}});
         }},
        {"--name", [&](auto&, auto& v) { options.names = {v}; }},
        {"--names", [&](auto&, auto& v) { options.names = lines(v); }},
        {"--ca", [&](auto&, auto& v) { options.ca_file = v; }},
        {"--connections",
         [&](auto& o, auto& v) { options.connections = number<std::size_t>(o, v); }},
        {"--size", [&](auto& o, auto& v) { options.size = number<std::size_t>(o, v); }},
        {"--operations",
         [&](auto& o, auto& v) { options.operations = number<std::uint64_t>(o, v); }},
        {"--rate", [&](auto& o, auto& v) { options.rate = number<std::uint64_t>(o, v); }},
        {"--bytes", [&](auto& o, auto& v) { options.bytes = number<std::uint64_t>(o, v); }},
        {"--warmup", [&](auto& o, auto& v) { options.warmup = milliseconds(o, v); }},
        {"--window", [&](auto& o, auto& v) { options.window = milliseconds(o, v); }},
        {"--deadline", [&](auto& o, auto& v) { options.deadline = milliseconds(o, v); }},
        {"--seed", [&](auto& o, auto& v) { options.seed = number<std::uint64_t>(o, v); }},
        {"--watch",
         [&](auto& o, auto& v) {
             for (const auto& text : split(v)) options.watch.push_back(number<pid_t>(o, text));
         }},
        {"--echo", [&](auto& o, auto& v) { options.echo = endpoints(o, v); }},
        {"--source", [&](auto& o, auto& v) { options.source = endpoints(o, v); }},
        {"--sink", [&](auto& o, auto& v) { options.sink = endpoints(o, v); }},
        {"--listen", [&](auto& o, auto& v) { options.listen = endpoints(o, v); }},
        {"--certificate", [&](auto&, auto& v) { options.certificate = v; }},
        {"--tickets", [&](auto& o, auto& v) { options.tickets = number<std::size_t>(o, v); }},
        {"--discard", [&](auto& o, auto& v) { options.discard = endpoints(o, v); }},
    };

    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--help" || argument == "-h") {
            std::fputs(usage.data(), stdout);
            std::exit(0);
        } else if (argument == "--resume") {
            options.resume = true;
        } else if (argument == "--lean") {
            options.lean = true;
        } else if (argument == "--in-turn") {
            options.in_turn = true;
        } else if (argument == "--verify") {
            options.verify = true;
        } else if (const auto taken = with_value.find(argument); taken != with_value.end()) {
            if (i + 1 == argc) refuse(argument + " takes a value");
            taken->second(argument, argv[++i]);
        } else if (argument.starts_with("-") || !options.mode.empty()) {
            refuse("no option '" + argument + "'");
        } else {
            options.mode = argument;
        }
    }

    if (options.mode.empty()) refuse("no mode");
    if (options.mode != "backend" && options.to.empty()) refuse("--to is missing");
    if (options.connections == 0) refuse("--connections: 0 are none");
    if (options.rate > 1'000'000) refuse("--rate is at most 1000000");
    if (options.rate > 0 && options.resume) refuse("--rate is for connections without a ticket");
    if (options.size < 1 || options.size > 16'384) refuse("--size is 1 to 16384");
    if (options.resume && options.transport != Transport::tls) refuse("--resume needs TLS");
    if (options.lean &&
        (options.transport != Transport::tls || options.resume || !options.ca_file.empty()))
        refuse("--lean is for full TLS handshakes, without --ca");
    return options;
}

}  // namespace mesh::bench
