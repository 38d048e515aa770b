/* What the sidecar is compared with: the same calls in C, over the libcurl that the sidecar uses. It
 * keeps nothing and understands nothing of the answers, so it says what libcurl and TLS alone take.
 * Then it looks every second at a file that the agent would write. The settings are those of the
 * real sidecar; AWS behind AWS_ENDPOINT_URL takes any credentials. */

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static size_t drop(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes, (void)context;
    return size * count;
}

/* A fresh handle for each call, since a reused one signs the body of the call before it. */
static void call(CURLM *multi, const char *url, const char *method, const char *body,
                 const char *target, const char *service) {
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = NULL;
    char text[128];
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (body) curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    if (target) {
        snprintf(text, sizeof text, "X-Amz-Target: %s", target);
        headers = curl_slist_append(headers, text);
        headers = curl_slist_append(headers, "Content-Type: application/x-amz-json-1.1");
        snprintf(text, sizeof text, "aws:amz:%s:%s", getenv("AWS_REGION"), service);
        curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, text);
        curl_easy_setopt(easy, CURLOPT_USERPWD, "AKIDEXAMPLE:secret");
    } else {
        headers = curl_slist_append(headers, "Content-Type: application/json");
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_multi_add_handle(multi, easy);
    int running = 1;
    while (running) {
        curl_multi_perform(multi, &running);
        if (running) curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    CURLMsg *message = curl_multi_info_read(multi, &running);
    if (!message || message->data.result != CURLE_OK) {
        fprintf(stderr, "%s: %s\n", url,
                message ? curl_easy_strerror(message->data.result) : "no answer");
        exit(1);
    }
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
}

int main(void) {
    char url[512];
    const char *aws = getenv("AWS_ENDPOINT_URL");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    snprintf(url, sizeof url, "%s/task", getenv("ECS_CONTAINER_METADATA_URI_V4"));
    call(multi, url, "GET", NULL, NULL, NULL);
    call(multi, getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"), "GET", NULL, NULL, NULL);
    snprintf(url, sizeof url, "%s/task-protection/v1/state", getenv("ECS_AGENT_URI"));
    call(multi, url, "PUT", "{\"ProtectionEnabled\":true,\"ExpiresInMinutes\":120}", NULL, NULL);
    call(multi, aws, "POST",
         "{\"TableName\":\"ledger\",\"KeyConditionExpression\":\"pk = :pk AND sk < :end\","
         "\"ConsistentRead\":true,\"ExpressionAttributeValues\":"
         "{\":pk\":{\"S\":\"agents/pool\"},\":end\":{\"S\":\"task/\"}}}",
         "DynamoDB_20120810.Query", "dynamodb");
    call(multi, aws, "POST", "{\"cluster\":\"agents\",\"services\":[\"pool\"]}",
         "AmazonEC2ContainerServiceV20141113.DescribeServices", "ecs");
    snprintf(url, sizeof url, "%s/status", getenv("AGENT_LINK_DIR"));
    while (1) {
        access(url, R_OK);
        sleep(1);
    }
}
