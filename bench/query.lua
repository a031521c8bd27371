-- One question per request: the declaration and the Idempotency-Key change each time.
local thread = 0

function setup(t)
	t:set("number", thread)
	thread = thread + 1
end

function init(args)
	token, run, count = args[1], args[2], 0
	math.randomseed(number + 1)
end

function request()
	count = count + 1
	local body = string.format(
		'{"clause":"customs/declaration-status","purpose":"duty-assessment","fields":{"declaration":"2026-%07d","office":"KWSAA"}}',
		math.random(1, 100000))
	return wrk.format("POST", "/v1/queries", {
		["Authorization"] = "Bearer " .. token,
		["Content-Type"] = "application/json",
		["Prefer"] = "wait=10",
		["Idempotency-Key"] = run .. "-" .. number .. "-" .. count,
	}, body)
end
