#include "tools/bench/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <thread>

#include "lanner/datasets/error.h"

extern char** environ;

namespace lanner::tools {

double peak_memory(const std::string& process) {
  std::ifstream status("/proc/" + process + "/status");
  for (std::string word; status >> word;)
    if (double kilobytes; word == "VmHWM:" && status >> kilobytes) return kilobytes / 1024;
  return 0;
}

ProcessCost run_process(std::vector<std::string> words, bool show) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) throw io_error("bench: cannot create a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const auto start = std::chrono::steady_clock::now();
  const int failed = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  ProcessCost cost;
  std::atomic<bool> done{failed != 0};
  // The maximum of rusage would include the memory of this process at the time of the fork.
  std::thread memory_monitor([&, process = std::to_string(pid)] {
    for (; !done; std::this_thread::sleep_for(std::chrono::milliseconds(5)))
      cost.megabytes = std::max(cost.megabytes, peak_memory(process));
  });
  char bytes[4096];
  for (ssize_t count; (count = read(out[0], bytes, sizeof bytes)) > 0;) {
    cost.output.append(bytes, count);
    if (show) std::cout.write(bytes, count).flush();
  }
  close(out[0]);
  if (failed) memory_monitor.join();
  if (failed) throw io_error(words[0] + ": cannot be run");
  int status = 0;
  waitpid(pid, &status, 0);
  done = true;
  memory_monitor.join();
  cost.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  cost.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return cost;
}

}  // namespace lanner::tools
