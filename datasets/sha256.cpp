#include "lanner/datasets/sha256.h"

#include <openssl/evp.h>

#include "lanner/datasets/error.h"

namespace lanner::datasets {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1)
    throw Error(ExitCode::internal, "SHA-256: OpenSSL does not provide it");
}
Sha256::~Sha256() = default;

void Sha256::add(const void* bytes, size_t size) { EVP_DigestUpdate(state_->context, bytes, size); }

void Sha256::add(std::string_view text) {
  add(text.data(), text.size());
  add("\0", 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->context, digest, &size);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
  return text;
}

}  // namespace lanner::datasets
