// The fault CA as a process of its own, on the real clock, for tests of the real mesh.
//
//     fault_ca ROOT_FILE [processing]
//
// Writes the root its server's certificate is signed by to ROOT_FILE, prints its directory's URL,
// and on every line it reads from standard input prints what it has seen. Ends with standard input.
// `processing`: no order gets further than that. Every name counts as validated.
#include "fault/ca/fault_ca.hpp"
#include "fault/server/ca_server.hpp"

#include <fstream>
#include <iostream>
#include <mutex>
#include <string>

namespace mesh::fault {
namespace {

class Process final : private Serving {
 public:
    explicit Process(bool processing) : ca_(clock_, "https://ca.test") {
        if (processing) ca_.manners.polls_until_issued = Manners::never;
        ca_.manners.retry_after = "5";
    }

    int run(const std::string& root_file) {
        const ServerIdentity identity = make_server_identity();
        std::ofstream(root_file) << identity.root_pem;
        Serving& serving = *this;
        const CaServer server(identity, serving);
        {
            const std::lock_guard lock(mutex_);
            ca_.set_origin(server.origin());
            std::cout << ca_.directory_url() << std::endl;
        }
        for (std::string line; std::getline(std::cin, line);) tell();
        return 0;
    }

 private:
    void serve(Request request, std::function<void(Reply)> answer) override {
        const std::lock_guard lock(mutex_);
        answer(ca_.serve(request));
    }
    void tell() {
        const std::lock_guard lock(mutex_);
        const Seen& seen = ca_.seen;
        std::cout << Json{{"orders", seen.orders_made},
                          {"finalized", seen.finalized},
                          {"finalized_twice", seen.finalized_twice},
                          {"accounts", seen.accounts_made},
                          {"requests", seen.total()},
                          {"complaints", seen.complaints}}
                  << std::endl;
    }

    SystemClock clock_;
    std::mutex mutex_;
    FaultCa ca_;
};

}  // namespace
}  // namespace mesh::fault

int main(int count, char** arguments) {
    if (count < 2) return 2;
    const bool processing = count > 2 && std::string(arguments[2]) == "processing";
    return mesh::fault::Process(processing).run(arguments[1]);
}
