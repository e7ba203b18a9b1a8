"""One sound line of every format, made up, all about the same request."""

# ruff: noqa: E501, RUF005 - lines of logs are long

from __future__ import annotations

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.0 Mobile/15E148 Safari/604.1"
)
TIME = "10/Nov/2025:10:00:00 +0000"


def combined(target: str = "/en/", agent: str = CHROME, *, status: int = 200, method: str = "GET", time: str = TIME):
    return f'203.0.113.9 - - [{time}] "{method} {target} HTTP/1.1" {status} 5120 "https://shop.example/" "{agent}"'


LINES = {
    "combined": combined("/en/p/42/?colour=red"),
    "common": f'203.0.113.9 - - [{TIME}] "GET /en/p/42/?colour=red HTTP/1.1" 200 5120',
    "vhost-combined": f"shop.example:443 {combined('/en/p/42/?colour=red')}",
    "vhost-common": f'shop.example:443 203.0.113.9 - - [{TIME}] "GET /en/p/42/?colour=red HTTP/1.1" 200 5120',
    "combined-time": combined("/en/p/42/?colour=red") + " 0.250",
    "traefik": combined("/en/p/42/?colour=red") + ' 7 "shop@docker" "http://10.1.2.3:80" 250ms',
    "uvicorn": 'INFO:     203.0.113.9:54321 - "GET /en/p/42/?colour=red HTTP/1.1" 200 OK',
    "daphne": '203.0.113.9:5432 - - [10/Nov/2025:10:00:00] "GET /en/p/42/?colour=red" 200 5120',
    "runserver": '[10/Nov/2025 10:00:00] "GET /en/p/42/?colour=red HTTP/1.1" 200 5120',
    "uwsgi": "[pid: 7|app: 0|req: 1/1] 203.0.113.9 () {40 vars in 800 bytes} [Mon Nov 10 10:00:00 2025] "
    "GET /en/p/42/?colour=red => generated 5120 bytes in 250 msecs (HTTP/1.1 200) 4 headers in 120 bytes "
    "(1 switches on core 0)",
    "haproxy": "203.0.113.9:5432 [10/Nov/2025:10:00:00.123] fe~ be/srv1 0/0/0/250/250 200 5120 - - ---- "
    '1/1/0/0/0 0/0 "GET /en/p/42/?colour=red HTTP/1.1"',
    "aws-alb": "https 2025-11-10T10:00:00.186641Z app/shop/1a2b 203.0.113.9:5432 10.1.2.3:80 0.000 0.250 0.000 200 200 "
    f'34 5120 "GET https://shop.example:443/en/p/42/?colour=red HTTP/1.1" "{CHROME}" ECDHE TLSv1.2 arn "Root=1" "-" "-"',
    "ltsv": f"time:[{TIME}]\thost:203.0.113.9\tvhost:shop.example\treq:GET /en/p/42/?colour=red HTTP/1.1\tstatus:200\t"
    f"reqtime:0.250\tua:{CHROME}",
    "caddy-json": '{"level":"info","ts":1762768800.5,"logger":"http.log.access","request":{"client_ip":"203.0.113.9",'
    '"method":"GET","host":"shop.example","uri":"/en/p/42/?colour=red","headers":{"User-Agent":["' + CHROME + '"],'
    '"Accept-Encoding":["gzip, br"],"Accept-Language":["de-DE,de;q=0.9"]}},"duration":0.25,"status":200}',
    "traefik-json": '{"ClientHost":"203.0.113.9","DownstreamStatus":200,"Duration":250000000,"RequestHost":"shop.example",'
    '"RequestMethod":"GET","RequestPath":"/en/p/42/?colour=red","StartUTC":"2025-11-10T10:00:00.587782192Z",'
    '"request_User-Agent":"' + CHROME + '"}',
    "fastly-json": '{"timestamp":"2025-11-10T10:00:00+0000","client_ip":"203.0.113.9","host":"shop.example",'
    '"url":"/en/p/42/?colour=red","request_method":"GET","request_user_agent":"' + CHROME + '","response_status":200,'
    '"time_elapsed":250000}',
    "envoy-json": '{"start_time":"2025-11-10T10:00:00.100Z","method":"GET","path":"/en/p/42/?colour=red",'
    '"response_code":200,"duration":250,"user-agent":"' + CHROME + '",":authority":"shop.example"}',
    "nginx-json": '{"time_iso8601":"2025-11-10T10:00:00+00:00","request_method":"GET","request_uri":"/en/p/42/?colour=red",'
    '"status":"200","request_time":"0.250","http_host":"shop.example","http_user_agent":"' + CHROME + '"}',
}

CUSTOM = {
    '$remote_addr [$time_local] "$request" $status $request_time "$http_user_agent" $host "$http_accept_encoding"': (
        f'203.0.113.9 [{TIME}] "GET /en/p/42/?colour=red HTTP/2.0" 200 0.250 "{CHROME}" shop.example "gzip, br"'
    ),
    '%h %l %u %t \\"%r\\" %>s %b %D \\"%{User-Agent}i\\" %v': (
        f'203.0.113.9 - ann [{TIME}] "GET /en/p/42/?colour=red HTTP/1.1" 200 5120 250000 "{CHROME}" shop.example'
    ),
    '%(h)s %(t)s "%(r)s" %(s)s %(M)s "%(a)s" %({host}i)s': (
        f'203.0.113.9 [{TIME}] "GET /en/p/42/?colour=red HTTP/1.1" 200 250 "{CHROME}" shop.example'
    ),
    "$request_method|$uri|$args|$status|$msec|$request_time|$host": (
        "GET|/en/p/42/|colour=red|200|1762768800.123|0.250|shop.example"
    ),
}

W3C = (
    "#Software: Microsoft Internet Information Services 10.0",
    "#Fields: date time cs-method cs-uri-stem cs-uri-query cs(User-Agent) sc-status time-taken",
    f"2025-11-10 10:00:00 GET /en/p/42/ colour=red {CHROME.replace(' ', '+')} 200 250",
    "#Fields: date time sc-status cs-method cs-uri-stem",
    "2025-11-10 10:00:01 200 GET /en/",
)

CLOUDFRONT = (
    "#Version: 1.0",
    "#Fields: date time x-edge-location c-ip cs-method cs-uri-stem sc-status cs(User-Agent) cs-uri-query x-host-header time-taken",
    "\t".join(
        ["2025-11-10", "10:00:00", "FRA1", "203.0.113.9", "GET", "/en/p%2520x/", "200", CHROME.replace(" ", "%2520")]
        + ["colour=red", "shop.example", "0.250"]
    ),
)

PREFIXES = (
    "2025-11-10T10:00:00.000000100+01:00 stdout F ",
    "Nov 10 10:00:00 web1 nginx: ",
    "<134>Nov 10 10:00:00 web1 haproxy[123]: ",
    "<134>1 2025-11-10T10:00:00.613Z web1 nginx 12 - - ",
    "2025-11-10T10:00:00.613304+00:00 web1 nginx[12]: ",
    "web-1  | ",
    "[pod/web-1/nginx] ",
)
