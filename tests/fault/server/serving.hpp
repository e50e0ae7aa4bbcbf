#pragma once
#include "fault/ca/message.hpp"

#include <functional>

namespace mesh::fault {

/// Who decides what a server answers.
class Serving {
 public:
    virtual ~Serving() = default;
    /// Called on the server's thread. `answer` may be called later, from any thread, once or never;
    /// the reply's `delay` has passed by then.
    virtual void serve(Request request, std::function<void(Reply)> answer) = 0;
};

}  // namespace mesh::fault
