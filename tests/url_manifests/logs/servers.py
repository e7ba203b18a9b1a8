"""Lines as servers, clouds and shippers write them, made up, all about the same request.

Each with the host and the microseconds that it tells (``""`` and -1 where it tells none), and whether it tells time and
user agent.
"""

# ruff: noqa: E501 - lines of logs are long

from __future__ import annotations

import json
from typing import NamedTuple

from tests.url_manifests.lines import CHROME, TIME

TARGET = "/en/p/42/?colour=red"


class Written(NamedTuple):
    line: str
    host: str = ""
    time_us: int = -1
    has_agent: bool = True
    has_time: bool = True


def combined(prefix: str = "203.0.113.9 - - ", target: str = TARGET) -> str:
    return f'{prefix}[{TIME}] "GET {target} HTTP/1.1" 200 5120 "https://shop.example/" "{CHROME}"'


NGINX = {
    "request_method": "GET", "request_uri": TARGET, "status": 200, "request_time": 0.25, "host": "shop.example",
    "time_iso8601": "2025-11-10T10:00:00+00:00", "http_user_agent": CHROME,
}  # fmt: skip
ENCODED_CHROME = CHROME.replace(" ", "%20")

SERVERS = {
    "nginx rt/uct/urt": Written(combined() + ' rt=0.250 uct="0.001" uht="0.249" urt="0.249"', "", 250000, True, True),
    "nginx rt quoted xff": Written(combined() + ' "198.51.100.7" rt="0.250" uct="0.001"', "", 250000, True, True),
    "nginx ingress": Written(
        combined() + " 512 0.250 [default-shop-80] [] 10.1.2.3:8080 5120 0.249 200 0123456789abcdef0123456789abcdef",
        "",
        250000,
        True,
        True,
    ),
    "nginx ingress multi": Written(
        combined()
        + " 512 0.250 [default-shop-80] [] 10.1.2.3:8080, 10.1.2.4:8080 0, 5120 0.001, 0.249 502, 200 0123456789abcdef0123456789abcdef",
        "",
        250000,
        True,
        True,
    ),
    "apache combinedio": Written(combined() + " 512 6120", "", -1, True, True),
    "apache %D end": Written(combined() + " 250000", "", -1, True, True),
    "apache %v no port": Written(combined("shop.example 203.0.113.9 - - "), "shop.example", -1, True, True),
    "apache vhost v6": Written(combined("shop.example:443 2001:db8::1 - - "), "shop.example:443", -1, True, True),
    "nginx host at end": Written(combined() + ' "shop.example"', "", -1, True, True),
    "nginx host before quotes": Written(
        f'203.0.113.9 - - [{TIME}] shop.example "GET {TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}"', "", -1, True, True
    ),
    "nginx iso time": Written(
        f'203.0.113.9 - - [2025-11-10T10:00:00+00:00] "GET {TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}"',
        "",
        -1,
        True,
        True,
    ),
    "gunicorn": Written(
        f'203.0.113.9 - - [{TIME}] "GET {TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}"', "", -1, True, True
    ),
    "gunicorn D seconds": Written(
        f'203.0.113.9 - - [{TIME}] "GET {TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}" 0.250000', "", 250000, True, True
    ),
    "hypercorn": Written(
        f'[2025-11-10 10:00:00 +0000] [12] [INFO] 203.0.113.9:54321 - - [10/Nov/2025:10:00:00 +0000] "GET {TARGET} 1.1" 200 5120 "-" "{CHROME}"',
        "",
        -1,
        True,
        True,
    ),
    "hypercorn bare": Written(
        f'203.0.113.9:54321 - - [10/Nov/2025:10:00:00 +0000] "GET {TARGET} 2" 200 5120 "-" "{CHROME}"',
        "",
        -1,
        True,
        True,
    ),
    "granian": Written(
        f'[2025-11-10 10:00:00 +0000] 203.0.113.9 - "GET {TARGET} HTTP/1.1" 200 250.000', "", 250000, False, True
    ),
    "granian logger": Written(
        f'[INFO] [2025-11-10 10:00:00 +0000] 203.0.113.9 - "GET {TARGET} HTTP/1.1" 200 250.000', "", 250000, False, True
    ),
    "waitress translogger": Written(
        f'203.0.113.9 - - [10/Nov/2025:10:00:00 +0000] "GET {TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}"',
        "",
        -1,
        True,
        True,
    ),
    "uvicorn time": Written(
        f'2025-11-10 10:00:00,123 - uvicorn.access - INFO - 203.0.113.9:54321 - "GET {TARGET} HTTP/1.1" 200',
        "",
        -1,
        False,
        True,
    ),
    "uvicorn time2": Written(
        f'2025-11-10 10:00:00,123 INFO     uvicorn.access 203.0.113.9:54321 - "GET {TARGET} HTTP/1.1" 200 OK',
        "",
        -1,
        False,
        True,
    ),
    "uvicorn time3": Written(
        f'2025-11-10 10:00:00 INFO:     203.0.113.9:54321 - "GET {TARGET} HTTP/1.1" 200 OK', "", -1, False, True
    ),
    "uvicorn v6": Written(f'INFO:     2001:db8::1:54321 - "GET {TARGET} HTTP/1.1" 200 OK', "", -1, False, False),
    "uvicorn brackets time": Written(
        f'[2025-11-10 10:00:00] INFO:     203.0.113.9:54321 - "GET {TARGET} HTTP/1.1" 200 OK', "", -1, False, True
    ),
    "daphne": Written(f'203.0.113.9:54321 - - [10/Nov/2025:10:00:00] "GET {TARGET}" 200 5120', "", -1, False, True),
    "runserver": Written(f'[10/Nov/2025 10:00:00] "GET {TARGET} HTTP/1.1" 200 5120', "", -1, False, True),
    "runserver logger": Written(
        f'INFO 2025-11-10 10:00:00,123 basehttp 12 140 "GET {TARGET} HTTP/1.1" 200 5120', "", -1, False, True
    ),
    "runserver django.server": Written(f'INFO:django.server:"GET {TARGET} HTTP/1.1" 200 5120', "", -1, False, False),
    "runserver asctime": Written(
        f'2025-11-10 10:00:00,123 INFO django.server "GET {TARGET} HTTP/1.1" 200 5120', "", -1, False, True
    ),
    "daphne logger": Written(f"HTTP GET {TARGET} 200 [0.25, 203.0.113.9:54321]", "", 250000, False, False),
    "uwsgi vhost": Written(
        f"[pid: 7|app: 0|req: 1/1] 203.0.113.9 () {{40 vars in 800 bytes}} [Mon Nov 10 10:00:00 2025] GET {TARGET} => generated 5120 bytes in 250 msecs (HTTP/2.0 200) 4 headers in 120 bytes (1 switches on core 0)",
        "",
        250000,
        False,
        True,
    ),
    "uwsgi micros": Written(
        f"[pid: 7|app: 0|req: 1/1] 203.0.113.9 () {{40 vars in 800 bytes}} [Mon Nov 10 10:00:00 2025] GET {TARGET} => generated 5120 bytes in 250000 micros (HTTP/1.1 200) 4 headers in 120 bytes (1 switches on core 0)",
        "",
        250000,
        False,
        True,
    ),
    "uwsgi sendfile": Written(
        f"[pid: 7|app: 0|req: 1/1] 203.0.113.9 () {{40 vars in 800 bytes}} [Mon Nov 10 10:00:00 2025] GET {TARGET} => generated 5120 bytes in 250 msecs via sendfile() (HTTP/1.1 200) 4 headers in 120 bytes (1 switches on core 0)",
        "",
        250000,
        False,
        True,
    ),
    "envoy default": Written(
        f'[2025-11-10T10:00:00.955Z] "GET {TARGET} HTTP/1.1" 200 - 0 5120 250 248 "203.0.113.9" "{CHROME}" "785918d6-06b6-9312-bf77-6d9bd968dc21" "shop.example" "10.68.2.10:9080"',
        "shop.example",
        250000,
        True,
        True,
    ),
    "istio default": Written(
        f'[2025-11-10T10:00:00.955Z] "GET {TARGET} HTTP/1.1" 200 - via_upstream - "-" 0 5120 250 248 "-" "{CHROME}" "785918d6-06b6-9312-bf77-6d9bd968dc21" "shop.example" "10.68.2.10:9080" inbound|9080|| 127.0.0.6:47889 10.68.2.10:9080 203.0.113.9:39696 outbound_.9080_._.shop.default.svc.cluster.local default',
        "shop.example",
        250000,
        True,
        True,
    ),
    "haproxy http": Written(
        f'Nov 10 10:00:00 lb haproxy[123]: 203.0.113.9:5432 [10/Nov/2025:10:00:00.123] fe~ be/srv1 0/0/0/250/251 200 5120 - - ---- 1/1/0/0/0 0/0 "GET {TARGET} HTTP/1.1"',
        "",
        251000,
        False,
        True,
    ),
    "haproxy captures": Written(
        f'Nov 10 10:00:00 lb haproxy[123]: 203.0.113.9:5432 [10/Nov/2025:10:00:00.123] fe~ be/srv1 0/0/0/250/251 200 5120 - - ---- 1/1/0/0/0 0/0 {{shop.example|{CHROME}}} {{}} "GET {TARGET} HTTP/1.1"',
        "shop.example",
        251000,
        True,
        True,
    ),
    "haproxy https": Written(
        f'203.0.113.9:5432 [10/Nov/2025:10:00:00.123] fe~ be/srv1 0/0/0/250/251 200 5120 - - ---- 1/1/0/0/0 0/0 "GET {TARGET} HTTP/1.1" 0/0/0/0/1 shop.example/TLSv1.3/TLS_AES_256_GCM_SHA384',
        "",
        251000,
        False,
        True,
    ),
    "haproxy https captures": Written(
        f'203.0.113.9:5432 [10/Nov/2025:10:00:00.123] fe~ be/srv1 0/0/0/250/251 200 5120 - - ---- 1/1/0/0/0 0/0 {{1wt.eu}} {{}} "GET {TARGET} HTTP/1.1" 0/0/0/0/1 shop.example/TLSv1.3/TLS_AES_256_GCM_SHA384',
        "1wt.eu",
        251000,
        False,
        True,
    ),
    "haproxy h2 abs": Written(
        f'203.0.113.9:5432 [10/Nov/2025:10:00:00.123] fe~ be/srv1 0/0/0/250/251 200 5120 - - ---- 1/1/0/0/0 0/0 "GET https://shop.example{TARGET} HTTP/2.0"',
        "",
        251000,
        False,
        True,
    ),
    "aws elb classic": Written(
        f'2025-11-10T10:00:00.186641Z shop-lb 203.0.113.9:5432 10.1.2.3:80 0.000073 0.250000 0.000057 200 200 0 5120 "GET https://shop.example:443{TARGET} HTTP/1.1" "{CHROME}" DHE-RSA TLSv1.2',
        "",
        250000,
        True,
        True,
    ),
    "aws alb h2": Written(
        f'h2 2025-11-10T10:00:00.186641Z app/shop/1a2b 203.0.113.9:5432 10.1.2.3:80 0.000 0.250 0.000 200 200 34 5120 "GET https://shop.example:443{TARGET} HTTP/2.0" "{CHROME}" ECDHE TLSv1.2 arn "Root=1" "-" "-" 0 2025-11-10T09:59:59.0Z "forward" "-" "-"',
        "",
        250000,
        True,
        True,
    ),
    "s3 access": Written(
        f'79a5 shop-bucket [{TIME}] 203.0.113.9 79a5 3E57427F3EXAMPLE WEBSITE.GET.OBJECT p/42/ "GET {TARGET} HTTP/1.1" 200 - 5120 5120 250 248 "-" "{CHROME}" -',
        "",
        -1,
        True,
        True,
    ),
    "lighttpd": Written(
        f'203.0.113.9 shop.example - [{TIME}] "GET {TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}"',
        "shop.example",
        -1,
        True,
        True,
    ),
    "varnishncsa": Written(
        f'203.0.113.9 - - [{TIME}] "GET http://shop.example{TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}"',
        "",
        -1,
        True,
        True,
    ),
    "varnishncsa ext": Written(
        f'203.0.113.9 - - [{TIME}] "GET http://shop.example{TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}" hit 0.250000',
        "",
        250000,
        True,
        True,
    ),
    "heroku router": Written(
        f'2025-11-10T10:00:00.123456+00:00 heroku[router]: at=info method=GET path="{TARGET}" host=shop.example request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="203.0.113.9" dyno=web.1 connect=1ms service=250ms status=200 bytes=5120 protocol=https',
        "shop.example",
        250000,
        False,
        True,
    ),
    "heroku drain": Written(
        f'277 <158>1 2025-11-10T10:00:00.123456+00:00 host heroku router - at=info method=GET path="{TARGET}" host=shop.example request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="203.0.113.9" dyno=web.1 connect=1ms service=250ms status=200 bytes=5120 protocol=https tls=true',
        "shop.example",
        250000,
        False,
        True,
    ),
    "logfmt": Written(
        f'time="2025-11-10T10:00:00Z" level=info msg=request method=GET path="{TARGET}" host=shop.example status=200 duration=250ms user_agent="{CHROME}"',
        "shop.example",
        250000,
        True,
        True,
    ),
    "traefik clf": Written(
        f'203.0.113.9 - - [{TIME}] "GET {TARGET} HTTP/1.1" 200 5120 "-" "{CHROME}" 7 "shop@docker" "http://10.1.2.3:80" 250ms',
        "",
        250000,
        True,
        True,
    ),
    "traefik clf default (dashes)": Written(
        f'203.0.113.9 - - [{TIME}] "GET {TARGET} HTTP/1.1" 200 5120 "-" "-" 7 "shop@docker" "http://10.1.2.3:80" 250ms',
        "",
        250000,
        False,
        True,
    ),
    "tomcat": Written(f'203.0.113.9 - - [{TIME}] "GET {TARGET} HTTP/1.1" 200 5120 250', "", -1, False, True),
    "compose": Written("nginx-1  | " + combined(), "", -1, True, True),
    "compose no space": Written("nginx-1    | 2025-11-10T10:00:00.123Z " + combined(), "", -1, True, True),
    "journald short": Written("Nov 10 10:00:00 web1 gunicorn[123]: " + combined(), "", -1, True, True),
    "journald short-iso": Written("2025-11-10T10:00:00+0000 web1 gunicorn[123]: " + combined(), "", -1, True, True),
    "journald short-iso-precise": Written(
        "2025-11-10T10:00:00.123456+0000 web1 gunicorn[123]: " + combined(), "", -1, True, True
    ),
    "journald short-full": Written("Mon 2025-11-10 10:00:00 UTC web1 gunicorn[123]: " + combined(), "", -1, True, True),
    "journald short-unix": Written("1762768800.123456 web1 gunicorn[123]: " + combined(), "", -1, True, True),
    "journald json": Written(
        json.dumps(
            {
                "__REALTIME_TIMESTAMP": "1762768800123456",
                "_COMM": "gunicorn",
                "PRIORITY": "6",
                "MESSAGE": combined(),
                "_HOSTNAME": "web1",
            }
        ),
        "",
        -1,
        True,
        True,
    ),
    "journald json bytes": Written(
        json.dumps({"__REALTIME_TIMESTAMP": "1762768800123456", "MESSAGE": list(combined().encode())}),
        "",
        -1,
        True,
        True,
    ),
    "filebeat json": Written(
        json.dumps(
            {
                "@timestamp": "2025-11-10T10:00:00.000Z",
                "@metadata": {"beat": "filebeat"},
                "log": {"offset": 0, "file": {"path": "/var/log/nginx/access.log"}},
                "message": combined(),
                "input": {"type": "log"},
            }
        ),
        "",
        -1,
        True,
        True,
    ),
    "fluentd json log": Written(
        json.dumps({"container_id": "abc", "container_name": "/web", "source": "stdout", "log": combined()}),
        "",
        -1,
        True,
        True,
    ),
    "docker json": Written(
        json.dumps({"log": combined() + "\n", "stream": "stdout", "time": "2025-11-10T10:00:00.1Z"}), "", -1, True, True
    ),
    "docker json of json": Written(
        json.dumps({"log": json.dumps(NGINX) + "\n", "stream": "stdout", "time": "2025-11-10T10:00:00.1Z"}),
        "shop.example",
        250000,
        True,
        True,
    ),
    "cri": Written("2025-11-10T10:00:00.000000100Z stdout F " + combined(), "", -1, True, True),
    "cri json": Written(
        "2025-11-10T10:00:00.000000100Z stdout F " + json.dumps(NGINX), "shop.example", 250000, True, True
    ),
    "loki json": Written(
        json.dumps({"line": combined(), "timestamp": "2025-11-10T10:00:00Z", "fields": {}}), "", -1, True, True
    ),
    "cloudwatch export": Written("2025-11-10T10:00:00.000Z " + combined(), "", -1, True, True),
    "gcp container textPayload": Written(
        json.dumps(
            {
                "insertId": "x",
                "textPayload": combined(),
                "timestamp": "2025-11-10T10:00:00Z",
                "resource": {"type": "k8s_container"},
            }
        ),
        "",
        -1,
        True,
        True,
    ),
    "gcp jsonPayload nginx": Written(
        json.dumps({"insertId": "x", "jsonPayload": NGINX, "timestamp": "2025-11-10T10:00:00Z"}),
        "shop.example",
        250000,
        True,
        True,
    ),
    "syslog nginx": Written("<190>Nov 10 10:00:00 web1 nginx: " + combined(), "", -1, True, True),
    "syslog nginx no hostname": Written("<190>Nov 10 10:00:00 nginx: " + combined(), "", -1, True, True),
    "syslog one digit day": Written("Nov  1 10:00:00 web1 nginx[5]: " + combined(), "", -1, True, True),
    "rfc5424 sd": Written(
        '<165>1 2025-11-10T10:00:00.003Z web1 nginx 12 ID47 [ex@32473 iut="3" eventSource="App"] ' + combined(),
        "",
        -1,
        True,
        True,
    ),
    "rfc5424 bom": Written("<165>1 2025-11-10T10:00:00.003Z web1 nginx 12 - - \ufeff" + combined(), "", -1, True, True),
    "rfc5424 octet": Written("312 <165>1 2025-11-10T10:00:00.003Z web1 nginx 12 - - " + combined(), "", -1, True, True),
    "k8s kubectl prefix": Written("[pod/web-1-abc/nginx] " + combined(), "", -1, True, True),
    "stern": Written("web-1-abc nginx " + combined(), "", -1, True, True),
    "ansi uvicorn": Written(
        f'\x1b[32mINFO\x1b[0m:     203.0.113.9:54321 - "\x1b[1mGET {TARGET} HTTP/1.1\x1b[0m" \x1b[32m200 OK\x1b[0m',
        "",
        -1,
        False,
        False,
    ),
    "ansi compose": Written("\x1b[36mnginx-1  |\x1b[0m " + combined(), "", -1, True, True),
    "caddy new": Written(
        json.dumps(
            {
                "level": "info",
                "ts": 1762768800.1,
                "logger": "http.log.access.log0",
                "msg": "handled request",
                "request": {
                    "remote_ip": "203.0.113.9",
                    "remote_port": "1",
                    "client_ip": "203.0.113.9",
                    "proto": "HTTP/2.0",
                    "method": "GET",
                    "host": "shop.example",
                    "uri": TARGET,
                    "headers": {"User-Agent": [CHROME]},
                },
                "bytes_read": 0,
                "user_id": "",
                "duration": 0.25,
                "size": 5120,
                "status": 200,
                "resp_headers": {},
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "caddy console": Written(
        "2025/11/10 10:00:00.123\tinfo\thttp.log.access.log0\thandled request\t"
        + json.dumps(
            {
                "request": {
                    "remote_ip": "203.0.113.9",
                    "method": "GET",
                    "host": "shop.example",
                    "uri": TARGET,
                    "headers": {"User-Agent": [CHROME]},
                },
                "user_id": "",
                "duration": 0.25,
                "size": 5120,
                "status": 200,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "caddy iso ts / duration string": Written(
        json.dumps(
            {
                "level": "info",
                "ts": "2025-11-10T10:00:00.123Z",
                "request": {
                    "remote_ip": "203.0.113.9",
                    "method": "GET",
                    "host": "shop.example",
                    "uri": TARGET,
                    "headers": {"User-Agent": [CHROME]},
                },
                "duration": "250ms",
                "status": 200,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "gcp lb": Written(
        json.dumps(
            {
                "httpRequest": {
                    "requestMethod": "GET",
                    "requestUrl": "https://shop.example" + TARGET,
                    "status": 200,
                    "userAgent": CHROME,
                    "remoteIp": "203.0.113.9",
                    "latency": "0.250s",
                    "responseSize": "5120",
                },
                "timestamp": "2025-11-10T10:00:00.5Z",
                "resource": {"type": "http_load_balancer"},
            }
        ),
        "",
        250000,
        True,
        True,
    ),
    "gcp cloud run": Written(
        json.dumps(
            {
                "httpRequest": {
                    "latency": "0.25s",
                    "protocol": "HTTP/1.1",
                    "requestMethod": "GET",
                    "requestUrl": "https://shop.example" + TARGET,
                    "status": 200,
                    "userAgent": CHROME,
                },
                "timestamp": "2025-11-10T10:00:00.5Z",
                "resource": {"type": "cloud_run_revision"},
            }
        ),
        "",
        250000,
        True,
        True,
    ),
    "azure front door": Written(
        json.dumps(
            {
                "time": "2025-11-10T10:00:00.0000000Z",
                "category": "FrontDoorAccessLog",
                "operationName": "Microsoft.Cdn/Profiles/AccessLog/Write",
                "properties": {
                    "trackingReference": "x",
                    "httpMethod": "GET",
                    "httpVersion": "2.0.0.0",
                    "requestUri": "https://shop.example:443" + TARGET,
                    "sni": "shop.example",
                    "requestBytes": "1",
                    "responseBytes": "5120",
                    "userAgent": CHROME,
                    "clientIp": "203.0.113.9",
                    "timeTaken": "0.250",
                    "timeToFirstByte": "0.249",
                    "httpStatusCode": "200",
                    "hostName": "shop.example",
                },
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "azure app gateway v2": Written(
        json.dumps(
            {
                "timeStamp": "2025-11-10T10:00:00+00:00",
                "resourceId": "/X",
                "operationName": "ApplicationGatewayAccess",
                "category": "ApplicationGatewayAccessLog",
                "properties": {
                    "instanceId": "appgw_1",
                    "clientIP": "203.0.113.9",
                    "httpMethod": "GET",
                    "requestUri": "/en/p/42/",
                    "originalRequestUriWithArgs": TARGET,
                    "requestQuery": "colour=red",
                    "userAgent": CHROME,
                    "httpStatus": 200,
                    "httpVersion": "HTTP/1.1",
                    "timeTaken": 0.25,
                    "host": "10.0.0.4",
                    "originalHost": "shop.example",
                },
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "azure app service http": Written(
        json.dumps(
            {
                "time": "2025-11-10T10:00:00Z",
                "category": "AppServiceHTTPLogs",
                "properties": json.dumps(
                    {
                        "CsMethod": "GET",
                        "CsUriStem": "/en/p/42/",
                        "CsUriQuery": "colour=red",
                        "ScStatus": 200,
                        "TimeTaken": 250,
                        "CsHost": "shop.example",
                        "CIp": "203.0.113.9",
                        "UserAgent": CHROME,
                    }
                ),
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "cloudflare logpush": Written(
        json.dumps(
            {
                "ClientIP": "203.0.113.9",
                "ClientRequestHost": "shop.example",
                "ClientRequestMethod": "GET",
                "ClientRequestURI": TARGET,
                "ClientRequestUserAgent": CHROME,
                "EdgeResponseStatus": 200,
                "EdgeStartTimestamp": "2025-11-10T10:00:00Z",
                "EdgeTimeToFirstByteMs": 250,
                "OriginResponseDurationMs": 240,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "cloudflare logpush ns": Written(
        json.dumps(
            {
                "ClientIP": "203.0.113.9",
                "ClientRequestHost": "shop.example",
                "ClientRequestMethod": "GET",
                "ClientRequestPath": "/en/p/42/",
                "ClientRequestURI": TARGET,
                "ClientRequestUserAgent": CHROME,
                "EdgeResponseStatus": 200,
                "EdgeStartTimestamp": 1762768800000000000,
                "OriginResponseTime": 250000000,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "cloudfront v2 json": Written(
        json.dumps(
            {
                "date": "2025-11-10",
                "time": "10:00:00",
                "x-edge-location": "FRA1",
                "c-ip": "203.0.113.9",
                "cs-method": "GET",
                "cs(Host)": "d1.cloudfront.net",
                "cs-uri-stem": "/en/p/42/",
                "sc-status": "200",
                "cs(User-Agent)": ENCODED_CHROME,
                "cs-uri-query": "colour=red",
                "x-host-header": "shop.example",
                "time-taken": "0.250",
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "akamai ds2": Written(
        json.dumps(
            {
                "version": "1",
                "cp": "1",
                "reqTimeSec": "1762768800.1",
                "bytes": "5120",
                "cliIP": "203.0.113.9",
                "statusCode": "200",
                "proto": "HTTPS",
                "reqHost": "shop.example",
                "reqMethod": "GET",
                "reqPath": "en/p/42/",
                "queryStr": "colour=red",
                "UA": ENCODED_CHROME,
                "turnAroundTimeMSec": "250",
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "ecs nested": Written(
        json.dumps(
            {
                "@timestamp": "2025-11-10T10:00:00.000Z",
                "http": {"request": {"method": "GET"}, "response": {"status_code": 200}},
                "url": {"path": "/en/p/42/", "query": "colour=red", "domain": "shop.example", "original": TARGET},
                "user_agent": {"original": CHROME},
                "event": {"duration": 250000000},
                "client": {"ip": "203.0.113.9"},
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "ecs dotted": Written(
        json.dumps(
            {
                "@timestamp": "2025-11-10T10:00:00.000Z",
                "http.request.method": "GET",
                "http.response.status_code": 200,
                "url.path": "/en/p/42/",
                "url.query": "colour=red",
                "url.domain": "shop.example",
                "user_agent.original": CHROME,
                "event.duration": 250000000,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "otel http semconv": Written(
        json.dumps(
            {
                "timestamp": "2025-11-10T10:00:00Z",
                "attributes": {
                    "http.request.method": "GET",
                    "url.path": "/en/p/42/",
                    "url.query": "colour=red",
                    "http.response.status_code": 200,
                    "server.address": "shop.example",
                    "user_agent.original": CHROME,
                },
            }
        ),
        "shop.example",
        -1,
        True,
        True,
    ),
    "datadog-ish": Written(
        json.dumps(
            {
                "date": "2025-11-10T10:00:00Z",
                "http": {
                    "method": "GET",
                    "url": "https://shop.example" + TARGET,
                    "status_code": 200,
                    "useragent": CHROME,
                },
                "duration": 250000000,
                "network": {"client": {"ip": "203.0.113.9"}},
            }
        ),
        "",
        -1,
        True,
        True,
    ),
    "logstash combined": Written(
        json.dumps(
            {
                "clientip": "203.0.113.9",
                "ident": "-",
                "auth": "-",
                "timestamp": TIME,
                "verb": "GET",
                "request": TARGET,
                "httpversion": "1.1",
                "response": "200",
                "bytes": "5120",
                "agent": '"' + CHROME + '"',
            }
        ),
        "",
        -1,
        True,
        True,
    ),
    "django structlog": Written(
        json.dumps(
            {
                "request": f"GET {TARGET}",
                "user_id": None,
                "ip": "203.0.113.9",
                "user_agent": CHROME,
                "code": 200,
                "event": "request_finished",
                "timestamp": "2025-11-10T10:00:00.123Z",
                "logger": "django_structlog.middlewares.request",
                "level": "info",
            }
        ),
        "",
        -1,
        True,
        True,
    ),
    "django json-logging": Written(
        json.dumps(
            {
                "timestamp": "2025-11-10T10:00:00Z",
                "levelname": "INFO",
                "name": "uvicorn.access",
                "message": f'203.0.113.9:5432 - "GET {TARGET} HTTP/1.1" 200',
            }
        ),
        "",
        -1,
        False,
        True,
    ),
    "pino-http": Written(
        json.dumps(
            {
                "level": 30,
                "time": 1762768800123,
                "pid": 1,
                "hostname": "web1",
                "req": {
                    "id": 1,
                    "method": "GET",
                    "url": TARGET,
                    "headers": {"host": "shop.example", "user-agent": CHROME},
                    "remoteAddress": "203.0.113.9",
                },
                "res": {"statusCode": 200, "headers": {}},
                "responseTime": 250,
                "msg": "request completed",
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "apache json": Written(
        json.dumps(
            {
                "time": "10/Nov/2025:10:00:00 +0000",
                "remoteIP": "203.0.113.9",
                "host": "shop.example",
                "request": "/en/p/42/",
                "query": "?colour=red",
                "method": "GET",
                "status": "200",
                "userAgent": CHROME,
                "referer": "-",
            }
        ),
        "shop.example",
        -1,
        True,
        True,
    ),
    "apache json time[]": Written(
        json.dumps(
            {
                "time": "[10/Nov/2025:10:00:00 +0000]",
                "remoteIP": "203.0.113.9",
                "host": "shop.example",
                "request": f"GET {TARGET} HTTP/1.1",
                "status": "200",
                "userAgent": CHROME,
            }
        ),
        "shop.example",
        -1,
        True,
        True,
    ),
    "nginx json msec str": Written(
        json.dumps(
            {
                "msec": "1762768800.123",
                "request": f"GET {TARGET} HTTP/1.1",
                "status": "200",
                "request_time": "0.250",
                "http_host": "shop.example",
                "http_user_agent": CHROME,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "nginx json nested http": Written(
        json.dumps(
            {
                "ts": "2025-11-10T10:00:00+00:00",
                "http": {
                    "request_id": "x",
                    "status_code": "200",
                    "request_method": "GET",
                    "request_uri": TARGET,
                    "host": "shop.example",
                    "user_agent": CHROME,
                    "duration": "0.250",
                },
                "network": {"client_ip": "203.0.113.9"},
            }
        ),
        "shop.example",
        -1,
        True,
        True,
    ),
    "k8s ingress json": Written(
        json.dumps(
            {
                "time": "2025-11-10T10:00:00+00:00",
                "remote_addr": "203.0.113.9",
                "x_forwarded_for": "203.0.113.9",
                "request_id": "x",
                "bytes_sent": 5120,
                "request_time": 0.25,
                "status": 200,
                "vhost": "shop.example",
                "request_proto": "HTTP/1.1",
                "path": "/en/p/42/",
                "request_query": "colour=red",
                "request_length": 100,
                "duration": 0.25,
                "method": "GET",
                "http_referrer": "-",
                "http_user_agent": CHROME,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "envoy gateway json": Written(
        json.dumps(
            {
                "start_time": "2025-11-10T10:00:00.123Z",
                "method": "GET",
                "x-envoy-origin-path": TARGET,
                "protocol": "HTTP/1.1",
                "response_code": "200",
                "response_flags": "-",
                "bytes_sent": "5120",
                "duration": "250",
                "x-forwarded-for": "203.0.113.9",
                "user-agent": CHROME,
                ":authority": "shop.example",
                "upstream_host": "10.0.0.1:80",
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "contour json": Written(
        json.dumps(
            {
                "@timestamp": "2025-11-10T10:00:00.123Z",
                "authority": "shop.example",
                "bytes_received": "0",
                "duration": "250",
                "method": "GET",
                "path": TARGET,
                "response_code": "200",
                "user_agent": CHROME,
                "x_forwarded_for": "203.0.113.9",
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "haproxy json": Written(
        json.dumps(
            {
                "time": "10/Nov/2025:10:00:00.123",
                "client_ip": "203.0.113.9",
                "http_method": "GET",
                "http_uri": TARGET,
                "status_code": 200,
                "total_time": 250,
                "host": "shop.example",
            }
        ),
        "shop.example",
        -1,
        False,
        True,
    ),
    "traefik json caps": Written(
        json.dumps(
            {
                "ClientHost": "203.0.113.9",
                "DownstreamStatus": 200,
                "Duration": 250000000,
                "RequestAddr": "shop.example",
                "RequestHost": "shop.example",
                "RequestMethod": "GET",
                "RequestPath": TARGET,
                "StartUTC": "2025-11-10T10:00:00.5Z",
                "request_User-Agent": CHROME,
            }
        ),
        "shop.example",
        250000,
        True,
        True,
    ),
    "ltsv nginx": Written(
        f"time:2025-11-10T10:00:00+00:00\thost:203.0.113.9\tmethod:GET\turi:{TARGET}\tstatus:200\tsize:5120\treferer:-\tua:{CHROME}\treqtime:0.250\tvhost:shop.example",
        "shop.example",
        250000,
        True,
        True,
    ),
    "fastly clf": Written(
        "<134>2025-11-10T10:00:00Z cache-fra1 shop[1]: " + combined('203.0.113.9 "-" "-" '), "", -1, True, True
    ),
    "gandi vhost": Written(combined("shop.example 203.0.113.9 - - "), "shop.example", -1, True, True),
    "apache %{..}t ms quoted": Written(
        f'"203.0.113.9" "{TIME}" "GET {TARGET} HTTP/1.1" "200" "5120" "-" "{CHROME}"', "", -1, True, True
    ),
}
