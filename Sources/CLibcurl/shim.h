// libcurl for Swift. Its option setters are C variadics, which Swift does not import, so each
// type of argument in use has a wrapper here that the compiler can check.
#pragma once
#include <curl/curl.h>
#include <gnu/libc-version.h>

static inline CURLcode easy_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode easy_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode easy_set_bytes(CURL *handle, CURLoption option, const void *value) {
    return curl_easy_setopt(handle, option, value);
}

// Not copied: what it points to must stay until the handle is gone.
static inline CURLcode easy_set_blob(
    CURL *handle, CURLoption option, const void *data, size_t size) {
    struct curl_blob blob = {(void *)data, size, CURL_BLOB_NOCOPY};
    return curl_easy_setopt(handle, option, &blob);
}

static inline CURLcode easy_set_context(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode easy_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

// CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION share this type.
static inline CURLcode easy_set_receiver(
    CURL *handle, CURLoption option, size_t (*value)(char *, size_t, size_t, void *)) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode easy_set_before_request(CURL *handle, curl_prereq_callback value) {
    return curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, value);
}

static inline CURLcode easy_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLMcode multi_set_long(CURLM *handle, CURLMoption option, long value) {
    return curl_multi_setopt(handle, option, value);
}

static inline const curl_version_info_data *loaded_version(void) {
    return curl_version_info(CURLVERSION_NOW);
}

static inline const char *loaded_libc_version(void) { return gnu_get_libc_version(); }

// A place for the TLS sessions of several handles of one thread; null when memory has run out.
static inline CURLSH *share_tls_sessions(void) {
    CURLSH *share = curl_share_init();
    if (share) curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return share;
}

static inline CURLcode easy_set_share(CURL *handle, CURLSH *share) {
    return curl_easy_setopt(handle, CURLOPT_SHARE, share);
}

// The file of trusted certificates that the library was built with; null for none.
static inline const char *default_ca_file(void) { return loaded_version()->cainfo; }

// The type of the constant differs between releases.
static inline CURLcode easy_use_http_1_1(CURL *handle) {
    return curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

// Abandons a name lookup that is under way instead of waiting for its thread. Without it, a
// cancelled or timed out request whose name does not resolve stops every other one with it.
// Since 7.87.0; an older library waits.
static inline CURLcode easy_abandon_lookups(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
    return CURLE_OK;
#endif
}
