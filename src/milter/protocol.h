// The numbers of the milter protocol, versions 2 to 6 (there is no RFC: sendmail's mfdef.h defines
// it). Only what relais says or understands.
#pragma once

#include <cstdint>

namespace relais::milter {

inline constexpr uint32_t kVersionOffered = 6;
inline constexpr uint32_t kVersionMin = 2;
inline constexpr uint32_t kVersionData = 4;     // SMFIC_DATA exists
inline constexpr uint32_t kVersionReuse = 6;    // SMFIC_QUIT_NC exists
inline constexpr uint32_t kActionsOffered = 0;  // relais lets nobody change a message

// What we say. Each is a packet's first octet.
namespace command {
inline constexpr char kNegotiate = 'O';  // SMFIC_OPTNEG
inline constexpr char kMacro = 'D';
inline constexpr char kConnect = 'C';
inline constexpr char kHello = 'H';
inline constexpr char kMail = 'M';
inline constexpr char kRecipient = 'R';
inline constexpr char kData = 'T';
inline constexpr char kHeader = 'L';
inline constexpr char kEndOfHeader = 'N';
inline constexpr char kBody = 'B';
inline constexpr char kEndOfBody = 'E';
inline constexpr char kAbort = 'A';
inline constexpr char kQuit = 'Q';
inline constexpr char kQuitAndReuse = 'K';  // SMFIC_QUIT_NC: another SMTP client follows
}  // namespace command

// What the milter answers.
namespace answer {
inline constexpr char kContinue = 'c';
inline constexpr char kAccept = 'a';
inline constexpr char kReject = 'r';
inline constexpr char kTempfail = 't';
inline constexpr char kDiscard = 'd';
inline constexpr char kReplyCode = 'y';
inline constexpr char kProgress = 'p';
inline constexpr char kSkip = 's';
inline constexpr char kConnectionFailed = 'f';
inline constexpr char kShutdown = '4';
// Changes of the message, which only come before the answer to kEndOfBody: recipients added,
// removed, body replaced, fields added, inserted, changed, sender changed, quarantine, macro list.
inline constexpr char kChanges[] = {'+', '2', '-', 'b', 'h', 'i', 'm', 'e', 'q', 'l'};
}  // namespace answer

// SMFIP_: what the milter does not want to be told, and what it does not answer.
namespace wish {
inline constexpr uint32_t kNoConnect = 0x1;
inline constexpr uint32_t kNoHello = 0x2;
inline constexpr uint32_t kNoMail = 0x4;
inline constexpr uint32_t kNoRecipient = 0x8;
inline constexpr uint32_t kNoBody = 0x10;
inline constexpr uint32_t kNoHeader = 0x20;
inline constexpr uint32_t kNoEndOfHeader = 0x40;
inline constexpr uint32_t kMuteHeader = 0x80;  // SMFIP_NR_HDR: it will not answer
inline constexpr uint32_t kNoUnknown = 0x100;
inline constexpr uint32_t kNoData = 0x200;
inline constexpr uint32_t kSkip = 0x400;  // it may say kSkip to a piece of body
inline constexpr uint32_t kMuteConnect = 0x1000;
inline constexpr uint32_t kMuteHello = 0x2000;
inline constexpr uint32_t kMuteMail = 0x4000;
inline constexpr uint32_t kMuteRecipient = 0x8000;
inline constexpr uint32_t kMuteData = 0x1'0000;
inline constexpr uint32_t kMuteUnknown = 0x2'0000;
inline constexpr uint32_t kMuteEndOfHeader = 0x4'0000;
inline constexpr uint32_t kMuteBody = 0x8'0000;
inline constexpr uint32_t kLeadingSpace = 0x10'0000;  // SMFIP_HDR_LEADSPC: blanks behind the colon

// All but SMFIP_RCPT_REJ (0x800): recipients that relais refused itself are not its business.
inline constexpr uint32_t kOffered = 0x1f'ffff & ~uint32_t{0x800};
}  // namespace wish

}  // namespace relais::milter
