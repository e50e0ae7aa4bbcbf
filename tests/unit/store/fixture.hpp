#pragma once
#include "base/executor.hpp"
#include "base/log.hpp"
#include "store/store.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

/// A failed check shows why a result is an error.
template <class T>
struct Catch::StringMaker<boost::system::result<T, mesh::Error>> {
    static std::string convert(const boost::system::result<T, mesh::Error>& result) {
        return result ? "a value" : "error: " + result.error().message;
    }
};

namespace mesh::store {

/// A folder of this test's own, gone with it.
class TempFolder {
 public:
    TempFolder() {
        std::string pattern =
            (std::filesystem::temp_directory_path() / "mesh-store-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = pattern;
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;
    ~TempFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
    std::string path_;
};

/// The permissions of a file; 0 when there is none.
inline unsigned mode_of(const std::string& path) {
    struct stat facts {};
    return ::stat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777U : 0;
}

/// Runs tasks on a thread of its own, as the control plane's loop does.
class TestExecutor final : public Executor {
 public:
    TestExecutor() : thread_([this] { run(); }) {}
    ~TestExecutor() override {
        post(nullptr);
        thread_.join();
    }
    void post(std::function<void()> task) override {
        {
            const std::lock_guard lock(mutex_);
            tasks_.push_back(std::move(task));
        }
        wake_.notify_one();
    }
    void post_after(std::chrono::milliseconds, std::function<void()> task) override {
        post(std::move(task));
    }
    [[nodiscard]] std::thread::id thread() const { return thread_.get_id(); }

 private:
    void run() {
        for (;;) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return !tasks_.empty(); });
            const auto task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            if (!task) return;
            task();
        }
    }
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> tasks_;
    std::thread thread_;
};

/// Keeps the events and fields of what was logged.
class RecordingLog final : public Log {
 public:
    void write(LogLevel level,
               std::string_view event,
               std::string_view message,
               std::initializer_list<LogField> fields) override {
        std::string line(to_string(level));
        line.append(" ").append(event).append(" ").append(message);
        for (const LogField& field : fields)
            line.append(" ").append(field.key).append("=").append(field.value);
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    [[nodiscard]] bool enabled(LogLevel) const override { return true; }
    /// How many lines hold `text`.
    [[nodiscard]] std::size_t count(const std::string& text) {
        const std::lock_guard lock(mutex_);
        return static_cast<std::size_t>(
            std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
                return line.find(text) != std::string::npos;
            }));
    }
    /// The first line that holds `text`, or "".
    [[nodiscard]] std::string line_with(const std::string& text) {
        const std::lock_guard lock(mutex_);
        for (const std::string& line : lines_)
            if (line.find(text) != std::string::npos) return line;
        return {};
    }

 private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// Waits for what another thread does; fails after a minute.
inline void eventually(const std::function<bool()>& holds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until)
            throw std::runtime_error("it did not come to that within a minute");
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

inline std::future<Result<Applied>> submit(Store& store,
                                           Executor& executor,
                                           Transition transition) {
    auto promise = std::make_shared<std::promise<Result<Applied>>>();
    auto future = promise->get_future();
    store.apply(std::move(transition), executor, [promise](Result<Applied> result) {
        promise->set_value(std::move(result));
    });
    return future;
}

/// Applies and waits for the disk.
inline Result<Applied> commit(Store& store, Executor& executor, Transition transition) {
    auto future = submit(store, executor, std::move(transition));
    if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready)
        throw std::runtime_error("no completion within 30 seconds");
    return future.get();
}

inline std::unique_ptr<Store> open_own(const std::string& path, Log& log) {
    Result<std::unique_ptr<Store>> store = open(path, Access::own, log);
    if (!store) throw std::runtime_error(store.error().message);
    return *std::move(store);
}

inline std::unique_ptr<Store> open_own(const std::string& path) {
    static NullLog log;
    return open_own(path, log);
}

inline WallTime at(std::int64_t seconds) {
    return WallTime{std::chrono::seconds{seconds}};
}

inline const std::string directory = "https://ca.example/dir";

inline CertificateKey key_of(std::vector<std::string> names) {
    return {directory, std::move(names)};
}

inline CertificateRecord a_certificate(const std::string& name) {
    CertificateRecord record;
    record.key = key_of({name});
    record.ordered_names = {name};
    record.resolver = "myresolver";
    record.state = "wanted";
    return record;
}

inline PutVersion a_version(const std::string& name, const std::string& key_pem) {
    PutVersion version;
    version.key = key_of({name});
    version.chain_pem = "chain of " + name;
    version.key_pem = Secret(key_pem);
    version.facts = {at(1'700'000'000),
                     at(1'707'776'000),
                     "0a1b",
                     std::string(64, 'f'),
                     "EC256",
                     "",
                     "acme",
                     at(1'700'000'100)};
    return version;
}

inline std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace mesh::store
