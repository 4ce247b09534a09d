// SMTP replies as values: code, enhanced status (RFC 3463), text. The texts are Exchange's
// (exchange-reference.md section 5). Formatting keeps a line within 512 octets (RFC 5321 4.5.3.1.5)
// and never lets a control or 8-bit byte through.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace relais::smtp {

// x.y.z; class 0 means "none" (220 banner, 354, EHLO lines carry none).
struct EnhancedStatus {
  uint8_t klass = 0;
  uint16_t subject = 0;
  uint16_t detail = 0;
  friend constexpr bool operator==(EnhancedStatus, EnhancedStatus) = default;
};

// `text` is borrowed: a literal, or bytes that live until the reply has been formatted.
struct Reply {
  uint16_t code = 0;
  EnhancedStatus status;
  std::string_view text;
  [[nodiscard]] constexpr bool positive() const { return code >= 200 && code < 400; }
  [[nodiscard]] constexpr bool transient() const { return code >= 400 && code < 500; }
  [[nodiscard]] constexpr bool permanent() const { return code >= 500; }
};

// Appends "code[ status] text\r\n"; the status only when `enhanced` and the reply has one. Text
// that is too long is cut; '\n' and tab become a blank, other octets that are not printable ASCII
// '?'.
void append_reply(std::string& out, const Reply& reply, bool enhanced);
// The same care for a line that is given whole, or in parts: a banner, a line of the EHLO reply.
void append_line(std::string& out, std::string_view text);
void append_line(std::string& out, std::initializer_list<std::string_view> parts);

namespace replies {
inline constexpr Reply kSenderOk{250, {2, 1, 0}, "Sender OK"};
inline constexpr Reply kRecipientOk{250, {2, 1, 5}, "Recipient OK"};
inline constexpr Reply kStartMailInput{354, {}, "Start mail input; end with <CRLF>.<CRLF>"};
inline constexpr Reply kSendBinary{354, {}, "Send binary data"};
inline constexpr Reply kExch50Taken{250, {2, 0, 0}, "XEXCH50 OK"};
inline constexpr Reply kClosing{221, {2, 0, 0}, "Service closing transmission channel"};
inline constexpr Reply kResetting{250, {2, 0, 0}, "Resetting"};
inline constexpr Reply kNoop{250, {2, 0, 0}, "OK"};
inline constexpr Reply kCannotVerify{
    252, {2, 1, 5}, "Cannot VRFY user, but will accept message and attempt delivery"};
inline constexpr Reply kHelp{
    214, {2, 0, 0}, "Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP"};
inline constexpr Reply kUnrecognized{500, {5, 3, 3}, "Unrecognized command"};
inline constexpr Reply kNotAllowed{550, {5, 7, 1}, "Command not allowed"};
inline constexpr Reply kLineTooLong{500, {5, 5, 2}, "Line too long"};
inline constexpr Reply kBadArguments{501, {5, 5, 4}, "Invalid arguments"};
inline constexpr Reply kInvalidDomain{501, {5, 5, 4}, "Invalid domain name"};
inline constexpr Reply kInvalidSender{501, {5, 1, 7}, "Invalid address"};
inline constexpr Reply kInvalidRecipient{501, {5, 1, 3}, "Invalid address"};
inline constexpr Reply kReadyForTls{220, {2, 0, 0}, "SMTP server ready"};

inline constexpr Reply kAuthenticated{235, {2, 7, 0}, "Authentication successful"};
inline constexpr Reply kAuthLineTooLong{500, {5, 5, 6}, "Authentication line too long"};
inline constexpr Reply kLogonFailed{535, {5, 7, 3}, "Authentication unsuccessful"};
inline constexpr Reply kAuthUnavailable{454, {4, 7, 0}, "Temporary authentication failure"};
inline constexpr Reply kAuthCancelled{501, {5, 7, 0}, "Authentication cancelled"};
inline constexpr Reply kBadBase64{501, {5, 5, 2}, "Cannot decode this as base64"};
inline constexpr Reply kUnknownMechanism{504, {5, 7, 4}, "Unrecognized authentication type"};
// RFC 4954 section 6.
inline constexpr Reply kAuthNeedsTls{
    538, {5, 7, 11}, "Encryption required for requested authentication mechanism"};
inline constexpr Reply kAlreadyAuthenticated{503, {5, 5, 1}, "Already authenticated"};
inline constexpr Reply kTlsUnavailable{454, {4, 7, 0}, "TLS not available due to temporary reason"};
inline constexpr Reply kNeedsUtf8{553, {5, 6, 7}, "Address needs SMTPUTF8"};
inline constexpr Reply kUnknownParameter{555, {5, 5, 4}, "Unsupported parameter"};
inline constexpr Reply kSendHello{503, {5, 5, 2}, "Send hello first"};
inline constexpr Reply kSendEhlo{503, {5, 5, 2}, "Send EHLO first"};
inline constexpr Reply kNeedMail{503, {5, 5, 2}, "Need mail command"};
inline constexpr Reply kNeedRecipient{503, {5, 5, 2}, "Need rcpt command"};
inline constexpr Reply kBadSequence{503, {5, 5, 1}, "Bad sequence of commands"};
inline constexpr Reply kTooManyRecipients{452, {4, 5, 3}, "Too many recipients"};
inline constexpr Reply kTooLarge{552, {5, 3, 4}, "Message size exceeds fixed maximum message size"};
inline constexpr Reply kHeaderTooLarge{552, {5, 3, 4}, "Header size exceeds fixed maximum size"};
inline constexpr Reply kBareLineEnd{
    550, {5, 6, 11}, "Message contains bare carriage returns, bare linefeeds or NUL"};
inline constexpr Reply kHopCount{554, {5, 4, 6}, "Hop count exceeded - possible mail loop"};
inline constexpr Reply kTooManyErrors{
    421, {4, 7, 0}, "Too many errors on this connection, closing transmission channel"};
inline constexpr Reply kIdle{451, {4, 7, 0}, "Timeout waiting for client input"};
inline constexpr Reply kConnectionTimedOut{421, {4, 4, 1}, "Connection timed out"};
inline constexpr Reply kShuttingDown{421, {4, 3, 2}, "Service not active"};
inline constexpr Reply kNotAccepting{421, {4, 3, 2}, "System not accepting network messages"};
inline constexpr Reply kInsufficientResources{452, {4, 3, 1}, "Insufficient system resources"};
// Behind the id of a message that was taken: "250 2.6.0 <id> Queued mail for delivery".
inline constexpr std::string_view kQueuedText = "Queued mail for delivery";
inline constexpr std::string_view kDiscardedText = "Discarded";
inline constexpr Reply kWriteFailed{
    451, {4, 3, 0}, "Temporary error writing the message, try again later"};
inline constexpr Reply kNotHttp{554, {5, 5, 1}, "This is an SMTP server"};
}  // namespace replies

}  // namespace relais::smtp
