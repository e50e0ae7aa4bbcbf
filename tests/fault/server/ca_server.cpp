#include "fault/server/ca_server.hpp"

#include "unit/http/server_certificate.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>

namespace mesh::fault {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using net::ip::tcp;

class Session;
using Sessions = std::set<std::shared_ptr<Session>>;

/// One connection. Everything on the server's thread.
class Session : public std::enable_shared_from_this<Session> {
 public:
    Session(tcp::socket socket, net::ssl::context& tls, Serving& serving, Sessions& all)
        : stream_(std::move(socket), tls),
          timer_(stream_.get_executor()),
          serving_(serving),
          all_(all) {}

    void start() {
        stream_.async_handshake(net::ssl::stream_base::server,
                                [self = shared_from_this()](error_code failure) {
                                    failure ? self->end() : self->read();
                                });
    }
    /// Ends the connection with a reset.
    void end() {
        error_code ignored;
        tcp::socket& socket = stream_.next_layer();
        socket.set_option(net::socket_base::linger(true, 0), ignored);
        socket.close(ignored);
        timer_.cancel();
        all_.erase(shared_from_this());
    }

 private:
    void read() {
        request_ = {};
        beast::http::async_read(
            stream_, buffer_, request_, [self = shared_from_this()](error_code failure, auto) {
                failure ? self->end() : self->ask();
            });
    }

    void ask() {
        Request request;
        request.method = std::string(request_.method_string());
        request.url = "https://" + std::string(request_[beast::http::field::host]) +
                      std::string(request_.target());
        request.content_type = std::string(request_[beast::http::field::content_type]);
        request.body = request_.body();
        serving_.serve(std::move(request),
                       [weak = weak_from_this(), executor = stream_.get_executor()](Reply reply) {
                           if (weak.expired()) return;
                           net::post(executor, [weak, reply = std::move(reply)] {
                               if (const auto self = weak.lock()) self->answer(reply);
                           });
                       });
    }

    void answer(const Reply& reply) {
        if (reply.lost) {
            end();
        } else if (reply.silent) {
            wait_for_the_end();
        } else {
            compose(reply);
            send(reply.cut.has_value(), reply.drip);
        }
    }

    void compose(const Reply& reply) {
        const bool has_body = request_.method() != beast::http::verb::head;
        head_ = "HTTP/1.1 " + std::to_string(reply.status) + " \r\n";
        for (const auto& [name, value] : reply.headers) {
            head_.append(name).append(": ").append(value).append("\r\n");
        }
        head_ += "Content-Length: " + std::to_string(has_body ? reply.body.size() : 0) + "\r\n\r\n";
        body_ = has_body ? reply.body : std::string();
        if (reply.cut) body_.resize(std::min(*reply.cut, body_.size()));
    }

    void send(bool then_ends, std::optional<std::chrono::milliseconds> drip) {
        const std::string_view body = drip ? std::string_view() : std::string_view(body_);
        const std::array<net::const_buffer, 2> parts{net::buffer(head_), net::buffer(body)};
        net::async_write(
            stream_, parts, [self = shared_from_this(), then_ends, drip](error_code failure, auto) {
                if (failure || then_ends)
                    self->end();
                else if (drip)
                    self->drop(0, *drip);
                else
                    self->read();
            });
    }

    /// Sends the body from there on, a byte at a time.
    void drop(std::size_t from, std::chrono::milliseconds pause) {
        if (from == body_.size()) {
            read();
            return;
        }
        timer_.expires_after(pause);
        timer_.async_wait([self = shared_from_this(), from, pause](error_code failure) {
            if (failure) return;
            net::async_write(self->stream_,
                             net::buffer(self->body_.data() + from, 1),
                             [self, from, pause](error_code broken, auto) {
                                 broken ? self->end() : self->drop(from + 1, pause);
                             });
        });
    }

    void wait_for_the_end() {
        stream_.async_read_some(net::buffer(rest_),
                                [self = shared_from_this()](error_code, auto) { self->end(); });
    }

    net::ssl::stream<tcp::socket> stream_;
    net::steady_timer timer_;
    Serving& serving_;
    Sessions& all_;
    beast::flat_buffer buffer_;
    beast::http::request<beast::http::string_body> request_;
    std::string head_;
    std::string body_;
    std::array<char, 16> rest_{};
};

std::string pem_of(EVP_PKEY* key) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_X509(out.get(), certificate);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

ServerIdentity make_server_identity(const std::string& names, int days, const std::string& root) {
    const test::TestAuthority authority(root);
    const auto identity = authority.issue("fault-ca", names, days);
    return {pem_of(identity.certificate.get()), pem_of(identity.key.get()), authority.pem()};
}

struct CaServer::State {
    explicit State(Serving& to_ask) : serving(to_ask) {}

    void listen(unsigned short at) {
        tcp::endpoint place(net::ip::address_v4::loopback(), at);
        if (!holder.is_open()) {
            holder.open(place.protocol());
            holder.set_option(net::socket_base::reuse_address(true));
            holder.bind(place);
            place = holder.local_endpoint();
        }
        acceptor.open(place.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        acceptor.bind(place);
        acceptor.listen();
        accept();
    }
    void accept() {
        acceptor.async_accept([this](error_code failure, tcp::socket socket) {
            if (failure) return;
            error_code ignored;
            socket.set_option(tcp::no_delay(true), ignored);
            const auto session =
                std::make_shared<Session>(std::move(socket), tls, serving, sessions);
            sessions.insert(session);
            session->start();
            accept();
        });
    }
    void close() {
        error_code ignored;
        acceptor.close(ignored);
        const Sessions ending = sessions;
        for (const auto& session : ending) session->end();
    }
    /// Runs it on the server's thread and waits for its end.
    void there(const std::function<void()>& what) {
        std::promise<void> done;
        net::post(io, [&] {
            what();
            done.set_value();
        });
        done.get_future().wait();
    }

    Serving& serving;
    net::io_context io{1};
    net::executor_work_guard<net::io_context::executor_type> work{io.get_executor()};
    net::ssl::context tls{net::ssl::context::tls_server};
    tcp::socket holder{io};  ///< bound, never listening: keeps the port while nobody listens
    tcp::acceptor acceptor{io};
    Sessions sessions;
    unsigned short port = 0;
    std::thread thread;
};

CaServer::CaServer(ServerIdentity identity, Serving& serving)
    : state_(std::make_unique<State>(serving)) {
    setenv("no_proxy", "*", 1);  // loopback is not reached through the developer's proxy
    state_->tls.use_certificate_chain(net::buffer(identity.chain_pem));
    state_->tls.use_private_key(net::buffer(identity.key_pem), net::ssl::context::pem);
    state_->listen(0);
    state_->port = state_->acceptor.local_endpoint().port();
    state_->thread = std::thread([this] { state_->io.run(); });
}

CaServer::~CaServer() {
    state_->there([this] { state_->close(); });
    state_->io.stop();
    state_->thread.join();
    state_->sessions.clear();
}

unsigned short CaServer::port() const {
    return state_->port;
}

std::string CaServer::origin() const {
    return "https://localhost:" + std::to_string(state_->port);
}

void CaServer::shut() {
    state_->there([this] { state_->close(); });
}

void CaServer::open() {
    state_->there([this] { state_->listen(state_->port); });
}

}  // namespace mesh::fault
