#pragma once
#include <chrono>

namespace mesh::store {

/// The paces of what a store does by itself.
struct Timing {
    /// The online copy begins so long after a change, so that changes of one moment share it.
    std::chrono::milliseconds copy_settle = std::chrono::seconds{2};
    /// And not before so long after the end of the copy before,
    std::chrono::milliseconds copy_interval = std::chrono::minutes{10};
    /// or of an attempt that failed.
    std::chrono::milliseconds copy_retry = std::chrono::minutes{1};
    /// A store that can only be read is tried again so often.
    std::chrono::milliseconds write_retry = std::chrono::seconds{5};
};

}  // namespace mesh::store
