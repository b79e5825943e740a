// A Unix socket that passes file descriptors beside bytes, which those of Node do not. Plain Node-API, so that one
// build serves every Node; a thread of its own reads, so that the headers of libuv are not needed.
//
//   open(path, onData)        connects; a path that starts with a zero byte is in the abstract name space. onData gets
//                             (bytes, fds) again and again, and at the end (null, errno), which is 0 for a plain end
//   write(socket, bytes, fds) sends what the socket takes at once; gives how many bytes that was
//   finish(socket, bytes, fds, onDone)  sends all of it on a thread of the pool; onDone gets the errno, 0 for done
//   shutdown(socket)          ends both directions
//   hold(socket, isHeld)      whether the socket keeps the process running, as it does at first
//   duplicate(fd)             gives a second descriptor of the same open file
//
// Descriptors that are sent stay the caller's; those that arrive are the receiver's to close.
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK_BYTES (64 * 1024)
// What a message of the kernel can carry (SCM_MAX_FD).
#define FDS_MAX 253
// Chunks that wait for the main thread. Then the reading thread waits, and the other side.
#define CHUNKS_MAX 16

struct socket {
  int fd;
  napi_env env;
  // The handle, the reading thread, and each write on the pool. Counted on the main thread only.
  int users;
  napi_threadsafe_function deliver;
  pthread_t reader;
  bool is_joined;
  // Shared with the reading thread:
  pthread_mutex_t lock;
  pthread_cond_t room;
  int waiting;
  bool is_stopping;
};

struct chunk {
  int error;
  ssize_t length;
  int fd_count;
  int fds[FDS_MAX];
  char bytes[];
};

struct writing {
  struct socket *socket;
  napi_async_work work;
  napi_ref on_done;
  int error;
  size_t fd_count;
  int fds[FDS_MAX];
  size_t length;
  char bytes[];
};

static void close_all(const int *fds, size_t count) {
  for (size_t index = 0; index < count; index++) close(fds[index]);
}

static void leave(struct socket *socket) {
  if (--socket->users > 0) return;
  close(socket->fd);
  pthread_mutex_destroy(&socket->lock);
  pthread_cond_destroy(&socket->room);
  free(socket);
}

// --- reading

// Takes the descriptors out of a received message. Gives false when some were lost on the way.
static bool take_fds(struct msghdr *message, struct chunk *chunk) {
  for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one != NULL; one = CMSG_NXTHDR(message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    size_t bytes = one->cmsg_len - CMSG_LEN(0);
    memcpy(chunk->fds, CMSG_DATA(one), bytes);
    chunk->fd_count = (int)(bytes / sizeof(int));
  }
  return (message->msg_flags & MSG_CTRUNC) == 0;
}

static struct chunk *receive(struct socket *socket) {
  struct chunk *chunk = malloc(sizeof *chunk + CHUNK_BYTES);
  if (chunk == NULL) return NULL;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
  } control;
  struct iovec bytes = {.iov_base = chunk->bytes, .iov_len = CHUNK_BYTES};
  struct msghdr message = {
      .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  do chunk->length = recvmsg(socket->fd, &message, MSG_CMSG_CLOEXEC);
  while (chunk->length < 0 && errno == EINTR);
  chunk->error = chunk->length < 0 ? errno : 0;
  chunk->fd_count = 0;
  if (chunk->length > 0 && !take_fds(&message, chunk)) {
    close_all(chunk->fds, chunk->fd_count);
    chunk->error = EMFILE;
    chunk->length = -1;
  }
  return chunk;
}

// Hands a chunk to the main thread, when it has room for one. Gives false when the socket is to end at once.
static bool hand_over(struct socket *socket, struct chunk *chunk) {
  pthread_mutex_lock(&socket->lock);
  while (socket->waiting >= CHUNKS_MAX && !socket->is_stopping) pthread_cond_wait(&socket->room, &socket->lock);
  bool is_stopping = socket->is_stopping;
  if (!is_stopping) socket->waiting++;
  pthread_mutex_unlock(&socket->lock);
  if (!is_stopping && napi_call_threadsafe_function(socket->deliver, chunk, napi_tsfn_nonblocking) == napi_ok) return true;
  if (chunk->length > 0) close_all(chunk->fds, chunk->fd_count);
  free(chunk);
  return false;
}

static void *read_all(void *data) {
  struct socket *socket = data;
  bool has_more = true;
  while (has_more) {
    struct chunk *chunk = receive(socket);
    has_more = chunk != NULL && chunk->length > 0;
    if (chunk == NULL || !hand_over(socket, chunk)) break;
  }
  napi_release_threadsafe_function(socket->deliver, napi_tsfn_release);
  return NULL;
}

static napi_value fd_array(napi_env env, const int *fds, size_t count) {
  napi_value array, fd;
  napi_create_array_with_length(env, count, &array);
  for (size_t index = 0; index < count; index++) {
    napi_create_int32(env, fds[index], &fd);
    napi_set_element(env, array, index, fd);
  }
  return array;
}

// On the main thread; without an environment when it is ending.
static void deliver_chunk(napi_env env, napi_value on_data, void *context, void *data) {
  struct socket *socket = context;
  struct chunk *chunk = data;
  pthread_mutex_lock(&socket->lock);
  socket->waiting--;
  pthread_cond_signal(&socket->room);
  pthread_mutex_unlock(&socket->lock);
  if (env == NULL) {
    if (chunk->length > 0) close_all(chunk->fds, chunk->fd_count);
  } else {
    napi_value arguments[2], receiver;
    napi_get_undefined(env, &receiver);
    if (chunk->length > 0) {
      napi_create_buffer_copy(env, chunk->length, chunk->bytes, NULL, &arguments[0]);
      arguments[1] = fd_array(env, chunk->fds, chunk->fd_count);
    } else {
      napi_get_null(env, &arguments[0]);
      napi_create_int32(env, chunk->error, &arguments[1]);
    }
    napi_call_function(env, receiver, on_data, 2, arguments, NULL);
  }
  free(chunk);
}

static void join_reader(struct socket *socket) {
  if (socket->is_joined) return;
  socket->is_joined = true;
  pthread_join(socket->reader, NULL);
}

// The environment ends while the thread still reads.
static void stop_reader(void *data) {
  struct socket *socket = data;
  pthread_mutex_lock(&socket->lock);
  socket->is_stopping = true;
  pthread_cond_signal(&socket->room);
  pthread_mutex_unlock(&socket->lock);
  shutdown(socket->fd, SHUT_RDWR);
  join_reader(socket);
}

static void on_reader_gone(napi_env env, void *data, void *hint) {
  struct socket *socket = data;
  (void)hint;
  join_reader(socket);
  napi_remove_env_cleanup_hook(env, stop_reader, socket);
  leave(socket);
}

// --- what JavaScript calls

static napi_value fail(napi_env env, int error, const char *message) {
  napi_value code, text, failure, number;
  napi_create_string_utf8(env, "DESCRIPTOR_SOCKET", NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
  napi_create_error(env, code, text, &failure);
  napi_create_int32(env, error, &number);
  napi_set_named_property(env, failure, "errno", number);
  napi_throw(env, failure);
  return NULL;
}

static bool get_arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *arguments) {
  size_t count = wanted;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) == napi_ok && count == wanted) return true;
  fail(env, EINVAL, "Wrong number of arguments");
  return false;
}

static struct socket *get_socket(napi_env env, napi_value handle) {
  void *socket = NULL;
  if (napi_get_value_external(env, handle, &socket) != napi_ok) fail(env, EINVAL, "No socket was given");
  return socket;
}

// Reads an array of descriptors. Gives false after throwing.
static bool get_fds(napi_env env, napi_value array, int *fds, size_t *count) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok || length > FDS_MAX) {
    fail(env, EINVAL, "At most 253 descriptors go with one message");
    return false;
  }
  for (uint32_t index = 0; index < length; index++) {
    napi_value fd;
    if (napi_get_element(env, array, index, &fd) != napi_ok || napi_get_value_int32(env, fd, &fds[index]) != napi_ok) {
      fail(env, EINVAL, "A descriptor is a number");
      return false;
    }
  }
  *count = length;
  return true;
}

static void on_handle_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  shutdown(((struct socket *)data)->fd, SHUT_RDWR);
  leave(data);
}

static int connect_to(const char *path, size_t length) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (length == 0 || length >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, path, length);
  // A path ends with a zero byte, an abstract name with its last one.
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + length + (path[0] == 0 ? 0 : 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size) != 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

static napi_value open_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[2], name, handle;
  char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
  size_t length = 0;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  if (napi_get_value_string_utf8(env, arguments[0], path, sizeof path, &length) != napi_ok)
    return fail(env, EINVAL, "A path is a string");
  struct socket *socket = calloc(1, sizeof *socket);
  if (socket == NULL) return fail(env, ENOMEM, "No memory for a socket");
  socket->fd = connect_to(path, length);
  if (socket->fd < 0) {
    int error = errno;
    free(socket);
    return fail(env, error, strerror(error));
  }
  socket->env = env;
  socket->users = 1;
  pthread_mutex_init(&socket->lock, NULL);
  pthread_cond_init(&socket->room, NULL);
  napi_create_string_utf8(env, "descriptor socket", NAPI_AUTO_LENGTH, &name);
  if (napi_create_threadsafe_function(env, arguments[1], NULL, name, 0, 1, socket, on_reader_gone, socket, deliver_chunk,
                                      &socket->deliver) != napi_ok) {
    leave(socket);
    return fail(env, EINVAL, "The second argument is a function");
  }
  socket->users++;
  napi_add_env_cleanup_hook(env, stop_reader, socket);
  int error = pthread_create(&socket->reader, NULL, read_all, socket);
  if (error != 0) {
    socket->is_joined = true;
    napi_release_threadsafe_function(socket->deliver, napi_tsfn_abort);
    leave(socket);
    return fail(env, error, "No thread for a socket");
  }
  napi_create_external(env, socket, on_handle_gone, NULL, &handle);
  return handle;
}

// Sends until everything has gone, or, with MSG_DONTWAIT, until the socket takes no more. Gives how much has gone.
static ssize_t send_fds(int fd, const char *bytes, size_t length, const int *fds, size_t fd_count, int flags) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
  } control;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd_count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), fds, fd_count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(fd, &message, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

static napi_value write_now(napi_env env, napi_callback_info info) {
  napi_value arguments[3], result;
  int fds[FDS_MAX];
  size_t fd_count = 0, length = 0;
  void *bytes = NULL;
  if (!get_arguments(env, info, 3, arguments)) return NULL;
  struct socket *socket = get_socket(env, arguments[0]);
  if (socket == NULL || !get_fds(env, arguments[2], fds, &fd_count)) return NULL;
  if (napi_get_buffer_info(env, arguments[1], &bytes, &length) != napi_ok) return fail(env, EINVAL, "Bytes are a Buffer");
  ssize_t sent = send_fds(socket->fd, bytes, length, fds, fd_count, MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN) return fail(env, errno, strerror(errno));
  napi_create_double(env, sent < 0 ? 0 : (double)sent, &result);
  return result;
}

static void run_writing(napi_env env, void *data) {
  struct writing *writing = data;
  size_t done = 0;
  (void)env;
  while (done < writing->length) {
    struct pollfd ready = {.fd = writing->socket->fd, .events = POLLOUT};
    if (poll(&ready, 1, -1) < 0 && errno != EINTR) break;
    ssize_t sent = send_fds(writing->socket->fd, writing->bytes + done, writing->length - done, writing->fds,
                            done == 0 ? writing->fd_count : 0, MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) break;
    if (sent > 0) done += sent;
  }
  writing->error = done == writing->length ? 0 : errno;
}

static void end_writing(napi_env env, napi_status status, void *data) {
  struct writing *writing = data;
  napi_value on_done, receiver, error;
  napi_get_reference_value(env, writing->on_done, &on_done);
  napi_get_undefined(env, &receiver);
  napi_create_int32(env, status == napi_ok ? writing->error : ECANCELED, &error);
  napi_delete_reference(env, writing->on_done);
  napi_delete_async_work(env, writing->work);
  leave(writing->socket);
  free(writing);
  napi_call_function(env, receiver, on_done, 1, &error, NULL);
}

static napi_value finish_writing(napi_env env, napi_callback_info info) {
  napi_value arguments[4], name;
  size_t length = 0;
  void *bytes = NULL;
  if (!get_arguments(env, info, 4, arguments)) return NULL;
  struct socket *socket = get_socket(env, arguments[0]);
  if (socket == NULL) return NULL;
  if (napi_get_buffer_info(env, arguments[1], &bytes, &length) != napi_ok) return fail(env, EINVAL, "Bytes are a Buffer");
  struct writing *writing = malloc(sizeof *writing + length);
  if (writing == NULL) return fail(env, ENOMEM, "No memory to write");
  if (!get_fds(env, arguments[2], writing->fds, &writing->fd_count)) {
    free(writing);
    return NULL;
  }
  writing->socket = socket;
  writing->length = length;
  memcpy(writing->bytes, bytes, length);
  socket->users++;
  napi_create_reference(env, arguments[3], 1, &writing->on_done);
  napi_create_string_utf8(env, "descriptor socket write", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, run_writing, end_writing, writing, &writing->work);
  napi_queue_async_work(env, writing->work);
  return NULL;
}

static napi_value shut_down(napi_env env, napi_callback_info info) {
  napi_value handle;
  if (!get_arguments(env, info, 1, &handle)) return NULL;
  struct socket *socket = get_socket(env, handle);
  if (socket != NULL) shutdown(socket->fd, SHUT_RDWR);
  return NULL;
}

static napi_value hold(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  bool is_held = true;
  if (!get_arguments(env, info, 2, arguments)) return NULL;
  struct socket *socket = get_socket(env, arguments[0]);
  if (socket == NULL || socket->is_joined) return NULL;
  napi_get_value_bool(env, arguments[1], &is_held);
  if (is_held) napi_ref_threadsafe_function(env, socket->deliver);
  else napi_unref_threadsafe_function(env, socket->deliver);
  return NULL;
}

static napi_value duplicate(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  int fd = -1;
  if (!get_arguments(env, info, 1, &argument)) return NULL;
  napi_get_value_int32(env, argument, &fd);
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return fail(env, errno, strerror(errno));
  napi_create_int32(env, copy, &result);
  return result;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback call;
  } functions[] = {
      {"open", open_socket}, {"write", write_now}, {"finish", finish_writing},
      {"shutdown", shut_down}, {"hold", hold}, {"duplicate", duplicate},
  };
  for (size_t index = 0; index < sizeof functions / sizeof *functions; index++) {
    napi_value function;
    napi_create_function(env, functions[index].name, NAPI_AUTO_LENGTH, functions[index].call, NULL, &function);
    napi_set_named_property(env, exports, functions[index].name, function);
  }
  return exports;
}
