#pragma once
#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace mesh::store {

/// store_child, or another program, as another process, its standard input and output in our hands.
class Child {
 public:
    explicit Child(std::vector<std::string> arguments, const char* program = STORE_CHILD) {
        std::array<int, 2> in{};
        std::array<int, 2> out{};
        if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0)
            throw std::runtime_error("pipe failed");
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        arguments.insert(arguments.begin(), program);
        std::vector<char*> argv;
        for (std::string& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);
        const int failed = ::posix_spawn(&pid_, program, &actions, nullptr, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        in_ = in[1];
        out_ = out[0];
        if (failed != 0) throw std::runtime_error(std::string("cannot start ") + program);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        if (pid_ > 0) kill();
        close_input();
        ::close(out_);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }

    /// The next line, without its newline; nullopt at the end. Throws after 60 seconds.
    std::optional<std::string> line() {
        for (;;) {
            const std::size_t end = buffer_.find('\n');
            if (end != std::string::npos) {
                std::string found = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return found;
            }
            pollfd asked{out_, POLLIN, 0};
            if (::poll(&asked, 1, 60'000) <= 0) throw std::runtime_error("the child is silent");
            std::array<char, 4'096> bytes{};
            const ssize_t got = ::read(out_, bytes.data(), bytes.size());
            if (got <= 0) return std::nullopt;
            buffer_.append(bytes.data(), static_cast<std::size_t>(got));
        }
    }

    /// Everything it still has to say, one line after the other.
    std::string rest() {
        std::string all;
        while (const auto next = line()) all += *next + '\n';
        return all;
    }

    void close_input() {
        if (in_ >= 0) ::close(std::exchange(in_, -1));
    }
    void kill() {
        ::kill(pid_, SIGKILL);
        (void)wait();
    }
    /// Its exit code; -1 when a signal ended it.
    int wait() {
        int status = 0;
        ::waitpid(std::exchange(pid_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

 private:
    pid_t pid_ = -1;
    int in_ = -1;
    int out_ = -1;
    std::string buffer_;
};

}  // namespace mesh::store
