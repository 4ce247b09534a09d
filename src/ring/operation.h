// Everything that the program ever asks the kernel (or its timers) to do, and the token that names
// one such request. The dispatch switch over Operation in main/core.cpp is the table of contents of
// the program.
#pragma once

#include <cstdint>

#include "base/slab.h"

namespace relais::ring {

enum class Operation : uint8_t {
  kNone,  // completion is dropped

  kWake,  // ring: another thread has posted to this core's mailbox

  kAccept,          // front: multishot accept; slot = listener
  kAcceptRetry,     // front: timer after running out of descriptors
  kSessionReceive,  // front: multishot receive; slot, generation = session
  kSessionSend,     // front
  kSessionClose,    // front
  kSessionTimer,    // front
  kDrainTimer,      // front
  kBuffersTimer,    // front: receive buffers have run out; are they back?

  kArrivalReceive,  // front: slot, generation = connection that owes a PROXY header
  kArrivalClose,
  kArrivalTimer,

  kMilterConnect,  // front: slot, generation = connection to a milter
  kMilterReceive,
  kMilterSend,
  kMilterClose,
  kMilterLinkTimer,  // it has been idle for long
  kMilterTalkTimer,  // front: slot, generation = a message's talk with a milter

  kUpstreamConnect,  // upstream: slot, generation = connection
  kUpstreamReceive,
  kUpstreamSend,
  kUpstreamClose,
  kUpstreamLinkTimer,
  kUpstreamTalkTimer,   // upstream: slot, generation = a message that waits for a connection
  kUpstreamTrialTimer,  // upstream: one that failed may be tried again; slot = pool

  kSpoolWrite,  // spool: the group commit
  kSpoolZero,   // spool: prewriting a segment
  kSpoolRead,   // spool: a block of a message; slot = block
  kSpoolTimer,  // spool: the journal must not wait longer

  kHopConnect,  // relay: slot, generation = outbound connection
  kHopReceive,
  kHopSend,
  kHopClose,
  kHopTimer,
  kRouteTimer,    // relay: a next hop may be tried again; slot = route
  kMessageTimer,  // relay: a deferred message is due; slot, generation = message

  kEndTimer,  // main: the drain has taken long enough

  kMaildirOpen,  // relay: slot, generation = local delivery
  kMaildirWrite,
  kMaildirSync,
  kMaildirRename,
  kMaildirSyncFolder,
  kMaildirClose,

  kLogWrite,  // admin: structured log
  kLogTimer,  // admin: it must not wait longer

  kLoadConnect,  // load (relais-load, a program of its own): slot, generation = connection
  kLoadReceive,
  kLoadSend,
  kLoadClose,
  kLoadRetry,  // load: a seat may connect again; slot = seat
  kLoadSweep,  // load: who has waited for too long

  kUsageTimer,  // admin: what was counted goes to the main thread

  // relais-sink takes kWake to kDrainTimer and kLogTimer (its ledger) for the same things, and:
  kDripTimer,    // sink: the next octet of a tarpit's reply; slot, generation = session
  kRefuseTimer,  // sink: refusing begins (slot 0) or ends (slot 1)

  kDialogueTimer,  // admin: lines of dialogues go to the protocol log and to tracers
};

// 64 bits that go to the kernel as user_data and come back. A file descriptor or a pointer is not
// an identity: both are reused while an old completion is still under way; the generation tells.
struct Token {
  Operation operation = Operation::kNone;
  Handle handle;

  [[nodiscard]] constexpr uint64_t pack() const {
    return static_cast<uint64_t>(operation) << 56 |
           static_cast<uint64_t>(handle.generation & 0xffffff) << 32 | handle.slot;
  }
  static constexpr Token unpack(uint64_t bits) {
    return {static_cast<Operation>(bits >> 56),
            {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32 & 0xffffff)}};
  }
};

}  // namespace relais::ring
