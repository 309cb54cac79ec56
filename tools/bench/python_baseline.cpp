#include "tools/bench/python_baseline.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "lanner/datasets/error.h"

extern char** environ;

namespace lanner::tools {

std::string peer_program(const std::string& name) {
  return std::string(LANNER_PYTHON_PACKAGE) + "/lanner/peers/" + name;
}

PythonBaseline::PythonBaseline(const std::string& program,
                               const std::vector<std::string>& arguments) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
    throw Error(ExitCode::io, "bench: cannot create a pipe");
  signal(SIGPIPE, SIG_IGN);  // if the process has ended, run() reports it
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::vector<std::string> words{LANNER_PYTHON, peer_program(program)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const bool is_started = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]), close(out[1]);
  to_ = fdopen(in[1], "w"), from_ = fdopen(out[0], "r");
  available_ = is_started && read_line() == "ready";
}

PythonBaseline::~PythonBaseline() {
  fclose(to_), fclose(from_);
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

std::string PythonBaseline::read_line() {
  char text[64];
  if (!fgets(text, sizeof(text), from_)) return "";
  const std::string line(text);
  return line.substr(0, line.find('\n'));
}

double PythonBaseline::run(bool bfloat16) {
  fputs(bfloat16 ? "16\n" : "32\n", to_);
  fflush(to_);
  const auto reply = read_line();
  if (reply.empty()) throw Error(ExitCode::internal, "bench: the Python process has ended");
  return std::stod(reply);
}

}  // namespace lanner::tools
