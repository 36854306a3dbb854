#!/usr/bin/env escript
%%! -start_epmd false -epmd_module ekka_epmd -hidden +sbwt none +S 1

%% Starts EMQX, and lets clients in when it may serve them.
%%
%% A name is held once: a session of PostgreSQL holds a lock on it for the node's whole life. Azure starts the new
%% revision of an app beside the old one; the new one waits here, EMQX not started, until the old one has gone. To
%% Azure it is well meanwhile, or the old one would never be ended; but from then on the app's name leads to the new
%% one. So one node at a time does that: the others answer no probe before it is their turn.
%%
%% EMQX boots with its MQTT listeners shut (boot_modules). They are opened when its user store and its rules can be
%% reached, and when it is in one cluster with every node that serves, or with the first part of them where those have
%% lost sight of each other. Who serves is a second lock in PostgreSQL: a node that finds nobody founds the cluster,
%% every other one joins. They are shut before EMQX stops.
%%
%% Nodes that are told to stop stop one after the other: each waits until every other name that somebody holds, or waits
%% for, is served again.
%%
%% GATE_PORT answers HTTP: /alive to Azure, also while it waits; /serving to the edge, with 404 while clients are kept,
%% and new ones belong elsewhere or could not be checked.
%%
%% Where clients may send tokens, EMQX asks this program about each password, at GATE_TOKEN_PORT of its own host.

-mode(compile).
-export([init/1, handle_event/2, handle_call/2]). % of signals
-export([init/2]).                                % of questions about tokens

-define(TICK, 1000).            % ms between two looks at the node
-define(LIMIT, 3000).           % ms that the database or EMQX have for an answer
-define(ANSWER, 2000).          % ms that a store has for an answer, so that a login has one within 5 s
-define(REMEMBERS, 60000).      % ms for which EMQX remembers what a client may do, as its configuration says
-define(WITHOUT_RULES, 600000). % the same while it can ask nobody
-define(SETTLED, 10000).        % ms that a session must stand before a waiter takes a name: holders retake it first
-define(SILENT, 15000).         % ms in which EMQX answers nothing, until the others need not wait for this node
-define(CUT_OFF, 10).           % ticks in which a node is not in one cluster with others that it reaches
-define(JOIN, 300000).          % ms that a node may take to join the others
-define(FLUSH, 2000).           % ms between the last client and the end of EMQX
-define(GRACE, 540000).         % ms that a node may wait for its turn to stop; its app has 60 s more
-define(SHUT, 15000).           % ms that EMQX has to shut its listeners, before it is killed
-define(STOP, 20000).           % ms that EMQX has to stop then: all within the app's 60 s, if the database hangs too
-define(KEYS, 300000).          % ms after which the issuer of tokens is asked again for its keys
-define(KEYS_SOON, 5000).       % ms after which it is asked again when it did not answer, or a token's key is not known
-define(SKEW, 60).              % s that the issuer's clock may be ahead

main([]) ->
    process_flag(trap_exit, true),
    ok = gen_event:swap_handler(erl_signal_server, {erl_signal_handler, []}, {?MODULE, self()}),
    {ok, _} = application:ensure_all_started(ssl),
    judge_tokens(),
    say(waiting, "waiting for the database"),
    Node = list_to_atom(env("EMQX_NODE__NAME")),
    know_own_host(Node),
    {ok, _} = net_kernel:start('gate@127.0.0.1', #{name_domain => longnames, hidden => true, dist_listen => false}),
    erlang:set_cookie(Node, list_to_atom(env("EMQX_NODE__COOKIE"))),
    [spawn_link(fun() -> watch(Node, Type) end) || Type <- [emqx_postgresql, emqx_redis]],
    loop(hold(#{
        node => Node, port => none, db => none, enters => false, serves => false, lowest => none, cut => 0,
        stops => never
    })).

%% A node's own name leads to the app's ingress, and perhaps to another revision. This program means the one beside it.
know_own_host(Node) ->
    [_, Host] = string:split(atom_to_list(Node), "@"),
    ok = inet_db:set_lookup([file, native]),
    ok = inet_db:add_host({127, 0, 0, 1}, [Host]).

%%% The loop

loop(S) ->
    receive
        sigterm -> say("told to stop"), loop(turn(S#{stops := now_ms() + ?GRACE}));
        broken when not map_get(serves, S) -> say(starting, "starting anew"), loop(finish(S));
        {late, Ref} when Ref =:= map_get(enters, S) -> loop(entered(S)); % others need not wait for this node
        {Port, {exit_status, Status}} when Port =:= map_get(port, S) ->
            say(stopped, "EMQX ended by itself with ~b", [Status]),
            halt(1);
        _ -> loop(S)
    after ?TICK -> loop(turn(look(keep(S))))
    end.

%% Stops, if it is to, when no other name is without its node, and no other node stops.
turn(#{stops := never} = S) -> S;
turn(#{serves := false} = S) -> stop(S);
turn(#{stops := End} = S) ->
    Alone = case {wanted(S), indexes(S, serving)} of
        {Wanted, Served} when is_list(Wanted), is_list(Served) -> Wanted -- [index() | Served] =:= [];
        _ -> false
    end,
    case now_ms() > End orelse Alone andalso locked(S, stopping, 0) =:= true of
        true -> stop(S);
        false -> S
    end.

%% The names that somebody holds, or waits for.
wanted(S) ->
    case {indexes(S, name), indexes(S, waiting)} of
        {Held, Waiting} when is_list(Held), is_list(Waiting) -> lists:usort(Held ++ Waiting);
        _ -> unknown
    end.

%% What fails is tried again with the next tick: EMQX may be starting its applications anew, or be held up. Its
%% listeners may be open meanwhile, or open late: for a while the others count it.
look(#{port := none} = S) -> enter(S);
look(#{heard := Heard} = S) ->
    case whereis(joining) =:= undefined andalso catch facts(S) of
        false -> shut(S#{heard := now_ms()}); % until that is over
        #{} = Facts -> decide(S#{heard := now_ms()}, Facts);
        _ ->
            Silent = now_ms() - Heard,
            %% The edge cuts off the clients of a node that does not serve.
            Keeps = Silent =< ?SILENT andalso admits(),
            say(case Keeps of true -> unchecked; false -> starting end, "EMQX does not answer"),
            if
                Silent > ?JOIN -> say("EMQX does not come back: starting anew"), finish(S);
                Silent > ?SILENT -> shut(S);
                true -> S
            end
    end.

%% What EMQX says of itself: its own listeners, its stores that are away, and the nodes in its cluster that run. Without
%% a session of its own, a node does not know who else serves: then others are better for new clients too.
facts(#{node := Node, db := Db}) ->
    Ids = ask(Node, emqx_resource, list_instances, []),
    #{
        %% At the end of its boot EMQX says what it does when it joins. Before that, a join stops half of it.
        booted => ask(Node, application, get_env, [ekka, {callback, start}]) =/= undefined,
        open => lists:any(fun({_, #{running := Is}}) -> Is end, ask(Node, emqx_listeners, list, [])),
        away => [database || Db =:= none] ++ [rules || persistent_term:get(without_rules, true)] ++
            [Id || Id <- Ids, not connected(ask(Node, emqx_resource, get_instance, [Id]))],
        stores => length(Ids),
        nodes => ask(Node, mria, running_nodes, [])
    }.

connected({ok, _, #{status := connected}}) -> true;
connected(_) -> false.

ask(Node, Module, Function, Arguments) -> erpc:call(Node, Module, Function, Arguments, ?LIMIT).

decide(S, #{booted := false}) -> say(starting, "EMQX starts"), shut(S);
decide(#{serves := false, db := Db, node := Node} = S, #{open := true} = Facts) when Db =/= none ->
    %% EMQX was held up for so long that the lock was given back.
    case locked(S, serving, index()) of
        true -> decide(arrived(S#{serves := true}), Facts);
        false -> say(starting, "another one serves as this node"), catch ask(Node, emqx_listeners, stop, []), S;
        lost -> S
    end;
decide(S, #{open := true, away := Away, nodes := Nodes}) ->
    {Lowest, Parts} = parts(S, Nodes),
    Missing = missing(Parts, Nodes),
    {Was, Why} = status(),
    case {Away, Missing} of
        {[], [_ | _]} -> say(unchecked, "apart from ~p", [Missing]); % what comes in here would not reach their clients
        {[], []} -> {Was, Why} =:= {serving, "serving"} orelse say(serving, "serving");
        _ ->
            %% Whoever is connected stays. The edge sends new clients elsewhere, unless no node can check them.
            say(unchecked, "cannot reach ~p", [lists:usort([database || Missing =:= unknown] ++ Away)]),
            Was =:= unchecked orelse say("clients stay, and new ones cannot be checked")
    end,
    together(tell(S, Lowest), Missing);
decide(S, #{stores := Stores, away := Away} = Facts) ->
    case Stores < stores() orelse Away =/= [] of
        true -> say(starting, "cannot reach ~p", [Away]), shut(S);
        false -> admit(shut(S), Facts)
    end.

%% The users, the rules, and this program, if it judges tokens.
stores() ->
    case os:getenv("GATE_TOKEN_PORT") of
        false -> 2;
        _ -> 3
    end.

%%% In and out of the cluster

%% Starts EMQX. A node that joins others is merged with all who ever were in their cluster, and run: so of those who
%% come back to it, empty, one starts at a time.
enter(S) ->
    case {indexes(S, serving), settled(S)} of
        {unknown, _} -> say(starting, "the database does not say who serves"), S;
        {[], false} -> say(starting, "who serves may still say so"), S;
        {[], true} -> start(S);
        _ ->
            case enters(S) of
                #{enters := false} = S1 -> say(starting, "another node comes into the cluster"), S1;
                S1 -> start(S1)
            end
    end.

%% A database that restarts forgets who serves. They take their locks again before others may think that nobody does.
settled(#{since := Since}) -> now_ms() - Since >= ?SETTLED.

%% Takes the lock for as long as a join may last.
enters(#{enters := false} = S) ->
    case locked(S, entering, 0) of
        true ->
            Ref = make_ref(),
            erlang:send_after(?JOIN, self(), {late, Ref}),
            S#{enters := Ref};
        _ -> S
    end;
enters(S) -> S.

entered(#{enters := false} = S) -> S;
entered(S) -> unlock(S, entering, 0), S#{enters := false}.

%% Opens the listeners when this node founds the cluster, or is in one with all who serve: if those have lost sight of
%% each other, with the part of them that goes on.
admit(#{node := Node} = S, #{nodes := Nodes}) ->
    case parts(S, Nodes) of
        {_, unknown} -> say(starting, "the database does not say who serves"), S;
        {_, []} -> found(S);
        {Lowest, [Part | _]} ->
            Others = [other(I) || I <- Part],
            Missing = Others -- Nodes,
            case Missing =:= [] orelse lists:all(fun(Other) -> reaches(Node, Other) end, Missing) of
                true when Missing =:= [] -> open(tell(S, Lowest));
                true -> join_alone(S, Others);
                false -> say(starting, "cannot reach all of ~p", [Missing]), S
            end
    end.

join_alone(S, Others) ->
    case enters(S) of
        #{enters := false} = S1 -> say(starting, "another node comes into the cluster"), S1;
        S1 ->
            say(starting, "joining ~p", [Others]),
            Gate = self(),
            spawn(fun() -> register(joining, self()), Gate ! join(S1, Others) end),
            S1
    end.

%% EMQX stops and starts its applications meanwhile, however long that takes: a second join on top would break both. A
%% join that fails in the midst leaves them stopped.
join(S, []) ->
    case catch facts(S) of
        #{} -> joined;
        _ -> say("EMQX did not come back from that: starting anew"), broken
    end;
join(#{node := Node} = S, [Other | Others]) ->
    case catch erpc:call(Node, ekka, join, [Other], ?JOIN) of
        ok -> say("joined ~s", [Other]), joined;
        {'EXIT', {{erpc, timeout}, _}} -> say("joining ~s does not end: stopping at once", [Other]), halt(1);
        Reason -> say("could not join ~s: ~0P", [Other, Reason, 20]), join(S, Others)
    end.

%% One founds at a time: the others find it serving afterwards.
found(S) ->
    case settled(S) andalso locked(S, founding, 0) of
        true ->
            S1 = case indexes(S, serving) of
                [] -> say("nobody serves: this node founds the cluster"), open(tell(S, index()));
                _ -> S
            end,
            unlock(S1, founding, 0),
            S1;
        _ -> S
    end.

open(#{node := Node} = S) ->
    case locked(S, serving, index()) of
        true ->
            try
                ok = refuse_wildcards(Node),
                ok = ask(Node, emqx_listeners, start, []),
                say(serving, "serving"),
                say("clients are let in")
            catch
                %% They may still open: the next tick sees, and gives the lock back if they are shut.
                _:Reason -> say("the listeners do not open: ~0p", [Reason])
            end,
            arrived(S#{serves := true});
        _ -> S
    end.

%% Others need not wait for this node any more.
arrived(S) -> unlock(S, waiting, index()), entered(S).

%% A client that calls itself + would fill a rule's ${clientid} with it, and read what is another's.
refuse_wildcards(Node) ->
    {ok, Who} = ask(Node, emqx_banned, parse, [#{
        <<"as">> => clientid_re, <<"who">> => <<"[+#/]">>, <<"by">> => <<"gate">>,
        <<"reason">> => <<"client ids have no +, # or /">>
    }]),
    case ask(Node, emqx_banned, create, [Who]) of
        {ok, _} -> ok;
        {error, {already_exist, _}} -> ok
    end.

%% The listeners are shut: by an application that starts anew, or since this node is not in the cluster.
shut(#{serves := true} = S) ->
    say("clients are not let in"),
    unlock(S, serving, index()),
    S#{serves := false};
shut(S) -> S.

%% A node that was cut off serves its clients, and goes on until it reaches all the others again: two clusters do not
%% become one by themselves. Then each node of the smaller part starts anew, empty.
together(S, unknown) -> S;
together(#{node := Node, cut := Cut} = S, Missing) ->
    case Missing =/= [] andalso lists:all(fun(Other) -> reaches(Node, Other) end, Missing) of
        false -> S#{cut := 0};
        true when Cut < ?CUT_OFF -> S#{cut := Cut + 1};
        true -> anew(S#{cut := 0}, Missing)
    end.

%% The indexes of those who serve, in parts that are one cluster each. The first is the largest, or of several such that
%% with the lowest index: there new clients belong. Erlang ends all connections of a node that has lost one, so that a
%% single one can leave every node by itself.
%%
%% Each node tells, by a lock, the lowest of those that it is with. Until it has, it counts as with this node where this
%% one sees it.
parts(#{serves := Serves} = S, Nodes) ->
    case {indexes(S, serving), indexes(S, lowest)} of
        {Serving, Told} when is_list(Serving), is_list(Told) ->
            Others = Serving -- [index()],
            Seen = [I || I <- Others, lists:member(other(I), Nodes)],
            Mine = lists:min([index() | Seen]),
            Lowest = fun(I) ->
                case {I =:= index(), [Code bsr 8 || Code <- Told, Code band 255 =:= I], lists:member(I, Seen)} of
                    {false, [Low | _], _} -> Low;
                    {false, [], false} -> I;
                    _ -> Mine
                end
            end,
            Parts = maps:values(maps:groups_from_list(Lowest, [index() || Serves] ++ Others)),
            {Mine, [Part || {_, Part} <- lists:sort([{-length(Part), lists:sort(Part)} || Part <- Parts])]};
        _ -> {none, unknown}
    end.

tell(#{lowest := Low} = S, Low) -> S;
tell(S, none) -> S;
tell(#{lowest := Was} = S, Low) ->
    case locked(S, lowest, Low bsl 8 + index()) of
        true ->
            [unlock(S, lowest, Was bsl 8 + index()) || Was =/= none],
            S#{lowest := Low};
        _ -> S
    end.

%% Whom this node does not see of those with whom new clients belong.
missing(unknown, _) -> unknown;
missing([Part | _], Nodes) ->
    case lists:member(index(), Part) of
        true -> [];
        false -> [other(I) || I <- Part] -- Nodes
    end.

reaches(Node, Other) -> pong =:= (catch ask(Node, net_adm, ping, [Other])).

anew(S, Others) ->
    say(starting, "cut off from ~p", [Others]),
    say("cut off from ~p: starting anew", [Others]),
    finish(S).

%%% Stores that do not answer

%% EMQX waits for its stores for as long as they take, and each login with it. So they are asked here too, over EMQX's
%% own connections. One that does not answer is taken down in EMQX, which then refuses at once, and is brought up again
%% when it can be reached: EMQX itself looks every 15 s.
watch(Node, Type) ->
    timer:sleep(?TICK),
    catch [check(Node, Id, question(Type, Id)) || Id <- ask(Node, emqx_resource, list_instances_by_type, [Type])],
    watch(Node, Type).

question(emqx_postgresql, Id) -> {prepared_query, Id, [<<>>, <<>>]};
question(emqx_redis, _) -> {cmd, [<<"EXISTS">>, <<"mqtt_acl_loaded">>]}.

check(Node, Id, Question) ->
    Before = answered(Node, Id),
    case catch erpc:call(Node, emqx_resource, simple_sync_query, [Id, Question], ?ANSWER) of
        {ok, <<"0">>} -> without_rules(true), remember(Node, Id, ?WITHOUT_RULES);
        {ok, <<"1">>} -> without_rules(false), remember(Node, Id, ?REMEMBERS);
        Answer when element(1, Answer) =:= ok -> ok;
        {error, {resource_error, #{reason := Reason}}} when Reason =/= exception ->
            remember(Node, Id, ?WITHOUT_RULES),
            up(Node, Id);
        _ -> answered(Node, Id) =:= Before andalso admits() andalso down(Node, Id)
    end.

%% A Redis that lost its content answers, and has no rule for anybody, until the job fills it anew.
without_rules(Is) -> persistent_term:put(without_rules, Is).

%% EMQX denies what it cannot ask, and cuts the client off. So what it knows counts for longer while rules are away.
remember(Node, <<"emqx_authz_", _/binary>>, Ms) ->
    Key = [authorization, cache, ttl],
    ask(Node, emqx_config, get, [Key]) =:= Ms orelse ask(Node, emqx_config, put, [Key, Ms]);
remember(_, _, _) -> ok.

admits() -> lists:member(element(1, status()), [serving, unchecked]).

%% How often it answered. A store that answers others is busy, and does not hang.
answered(Node, Id) ->
    #{counters := #{success := Count}} = ask(Node, emqx_resource, get_metrics, [Id]),
    Count.

%% Whoever waits for an answer is refused with the end of its connection.
down(Node, Id) ->
    remember(Node, Id, ?WITHOUT_RULES),
    say(unchecked, "~s does not answer", [Id]),
    [exit(Connection, kill) || {_, Worker} <- ask(Node, ecpool, workers, [Id]),
        {ok, Connection} <- [ask(Node, ecpool_monitor, get_client_global, [Worker])]],
    ask(Node, emqx_resource, stop, [Id]).

up(Node, Id) ->
    timer:sleep(2 * ?TICK),
    erpc:call(Node, emqx_resource, start, [Id], 2 * ?LIMIT).

%%% EMQX itself

start(S) ->
    _ = file:del_dir_r("data/mnesia"), % there is none at first
    Port = open_port({spawn_executable, env("GATE_ENTRYPOINT")}, [
        {args, ["/opt/emqx/bin/emqx", "foreground"]}, exit_status, nouse_stdio,
        {env, [{"ERL_ZFLAGS", "-emqx boot_modules [broker]"}]}
    ]),
    say(starting, "EMQX starts"),
    S#{port := Port, heard => now_ms()}.

stop(S) ->
    say(stopping, "stopping"),
    finish(S),
    halt(0).

%% EMQX takes its user store away before its listeners, and lets anybody in: so these are shut first, or it is killed.
%% What it has acknowledged is then on its way to the other nodes.
finish(#{port := none} = S) -> S;
finish(#{node := Node, port := Port} = S) ->
    case catch erpc:call(Node, emqx_listeners, stop, [], ?SHUT) of
        ok ->
            shut(S), % or those who stay would see that it serves, and miss it
            timer:sleep(?FLUSH),
            signal(Port, "TERM"),
            receive
                {Port, {exit_status, _}} -> ok
            after ?STOP -> kill(S)
            end;
        _ -> kill(S), shut(S)
    end,
    entered(S#{port := none, serves := false}).

kill(#{port := none}) -> ok;
kill(#{port := Port}) ->
    signal(Port, "KILL"),
    receive {Port, {exit_status, _}} -> ok after 5000 -> ok end.

signal(Port, Name) ->
    case erlang:port_info(Port, os_pid) of
        {os_pid, Pid} -> os:cmd("kill -" ++ Name ++ " " ++ integer_to_list(Pid));
        undefined -> ok
    end.

%%% The name, and who serves: locks of one session

%% Waits for the name.
hold(S) ->
    receive sigterm -> halt(0) after 0 -> ok end,
    case connected_since(S) of
        {S1, Age} when Age >= ?SETTLED ->
            case locked(S1, name, index()) of
                true -> say("the name is held"), appear(), S1;
                false -> say(waiting, "another instance of this node runs"), queue(S1), pause(), hold(S1);
                lost -> hold(S1#{db := none})
            end;
        {S1, _} -> pause(), hold(S1)
    end.

%% Says that somebody waits for this name, once nobody waits for another one.
queue(S) ->
    case locked(S, queueing, 0) of
        true ->
            Turn = case indexes(S, waiting) of
                unknown -> false;
                All -> All -- [index()] =:= []
            end,
            Turn andalso waits(S),
            unlock(S, queueing, 0),
            Turn andalso appear();
        _ -> ok
    end.

%% Answers probes from now on.
appear() ->
    case persistent_term:get(appeared, false) of
        false -> persistent_term:put(appeared, true), serve(list_to_integer(env("GATE_PORT")));
        true -> ok
    end.

%% Says that somebody waits for this name. A session takes a lock once more for each time that it asks.
waits(S) ->
    case indexes(S, waiting) of
        unknown -> ok;
        All -> lists:member(index(), All) orelse locked(S, waiting, index())
    end.

pause() -> receive sigterm -> halt(0) after ?TICK -> ok end.

connected_since(#{db := none} = S) ->
    case connect() of
        {ok, Db} -> {S#{db := Db, since => now_ms()}, 0};
        {error, Reason} -> say(waiting, "the database: ~0p", [Reason]), {S, 0}
    end;
connected_since(#{since := Since} = S) ->
    case query(S, "SELECT 1") of
        {ok, _} -> {S, now_ms() - Since};
        lost -> {S#{db := none}, 0}
    end.

%% Notices a session that is gone, and takes the locks again: a database that restarts forgets them. What is then
%% held by another instance is lost; what is held by the session before, which the server still believes in, is taken
%% from it.
keep(#{db := none, serves := Serves, enters := Enters} = S) ->
    case connect() of
        {ok, Db} ->
            S1 = S#{db := Db, since := now_ms(), lowest := none},
            case locked(S1, name, index()) of
                true when Serves -> S1#{serves := locked(S1, serving, index()) =:= true};
                true ->
                    waits(S1),
                    case Enters =/= false andalso locked(S1, entering, 0) of
                        true -> S1;
                        _ -> S1#{enters := false}
                    end;
                false -> mine(S1) orelse lost(S1), exit(Db, kill), S1#{db := none};
                lost -> S1#{db := none}
            end;
        {error, _} -> S
    end;
keep(S) ->
    case query(S, "SELECT 1") of
        {ok, _} -> S;
        lost -> say("the session with the database is lost"), S#{db := none}
    end.

%% Whether the holder is this very instance; its old session ends then.
mine(S) ->
    Text = "SELECT pg_terminate_backend(a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE " ++
        where(name, index()) ++ " AND a.application_name = '" ++ instance() ++ "' AND a.pid <> pg_backend_pid()",
    case query(S, Text) of
        {ok, []} -> false;
        {ok, _} -> true;
        lost -> true
    end.

lost(S) ->
    say(stopped, "another instance holds the name"),
    say("another instance holds the name: stopping at once"),
    kill(S),
    halt(1).

%% Whose locks of a kind are held.
indexes(S, What) ->
    case query(S, "SELECT DISTINCT objid FROM pg_locks WHERE " ++ where(What)) of
        {ok, Rows} -> [binary_to_integer(I) || {I} <- Rows];
        lost -> unknown
    end.

other(I) ->
    Name = env("EMQX_NODE__NAME"),
    Of = fun(Index) -> "-" ++ Index ++ "." end,
    list_to_atom(lists:flatten(string:replace(Name, Of(env("GATE_INDEX")), Of(integer_to_list(I))))).

locked(S, What, I) ->
    case query(S, "SELECT pg_try_advisory_lock(" ++ key(What, I) ++ ")") of
        {ok, [{Is}]} -> Is =:= <<"t">>;
        lost -> lost
    end.

unlock(S, What, I) -> query(S, "SELECT pg_advisory_unlock(" ++ key(What, I) ++ ")").

key(What, I) -> integer_to_list(class(What)) ++ ", " ++ integer_to_list(I).

%% Another region's nodes have the same names.
class(What) -> erlang:phash2({What, env("GATE_REGION")}, 1 bsl 31).

where(What) ->
    "locktype = 'advisory' AND objsubid = 2 AND granted AND classid = " ++ integer_to_list(class(What)) ++
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())".
where(What, I) -> where(What) ++ " AND objid = " ++ integer_to_list(I).

connect() ->
    {ok, Password} = file:read_file(env("GATE_PASSWORD_FILE")),
    Host = env("PGHOST"),
    limited(fun() ->
        Db = epgsql:connect(#{
            host => Host, database => env("PGDATABASE"), username => env("PGUSER"), password => Password,
            timeout => ?LIMIT, application_name => instance(), ssl => required,
            ssl_opts => [{server_name_indication, Host} | verified()]
        }),
        case Db of
            %% A node that is gone without a word is noticed by the server in 11 s, and not in Azure's 390.
            {ok, C} ->
                [{ok, _, _} = epgsql:squery(C, "SET " ++ Setting) || Setting <- [
                    "tcp_keepalives_idle = 5", "tcp_keepalives_interval = 2", "tcp_keepalives_count = 3",
                    "idle_session_timeout = 0", "statement_timeout = 0" % the role's is for logins
                ]],
                unlink(C),
                Db;
            _ -> Db
        end
    end).

verified() ->
    [
        {verify, verify_peer}, {cacertfile, env("GATE_CA_FILE")},
        {customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]}
    ].

query(#{db := none}, _) -> lost;
query(#{db := Db}, Text) ->
    case limited(fun() -> {ok, epgsql:squery(Db, Text)} end) of
        {ok, {ok, _, Rows}} -> {ok, Rows};
        _ -> catch exit(Db, kill), lost
    end.

%% A database that hangs must not hang this program.
limited(Fun) ->
    {Pid, Ref} = spawn_monitor(fun() -> process_flag(trap_exit, true), exit({done, Fun()}) end),
    receive
        {'DOWN', Ref, _, _, {done, Result}} -> Result;
        {'DOWN', Ref, _, _, Reason} -> {error, Reason}
    after 3 * ?LIMIT ->
        exit(Pid, kill),
        erlang:demonitor(Ref, [flush]),
        {error, timeout}
    end.

%%% Tokens

%% EMQX's own check lets in by tokens that never end, refuses one for several applications, lets one make its holder a
%% superuser or give itself rules, and looks for new keys by the clock only.
judge_tokens() ->
    case os:getenv("GATE_TOKEN_PORT") of
        false -> ok;
        Port ->
            [{ok, _} = application:ensure_all_started(Application) || Application <- [inets, jose, cowboy]],
            Unknown = atomics:new(1, []),
            spawn_link(fun() -> keep_keys(Unknown, now_ms() - ?KEYS, never) end),
            Wanted = #{
                issuer => list_to_binary(env("GATE_TOKEN_ISSUER")),
                audience => list_to_binary(env("GATE_TOKEN_AUDIENCE")),
                name => list_to_binary(env("GATE_TOKEN_USERNAME_CLAIM")), unknown => Unknown,
                ids => env("GATE_CLIENT_IDS"), node => list_to_atom(env("EMQX_NODE__NAME"))
            },
            Routes = cowboy_router:compile([{'_', [{"/token", ?MODULE, Wanted}]}]),
            {ok, _} = cowboy:start_clear(tokens, [{ip, {127, 0, 0, 1}}, {port, list_to_integer(Port)}], #{
                env => #{dispatch => Routes},
                request_timeout => infinity, idle_timeout => infinity, max_keepalive => infinity
            })
    end.

%% A request of EMQX, in a process of its own.
init(Request, Wanted) ->
    {ok, Body, Read} = cowboy_req:read_body(Request),
    Verdict = jose:encode(verdict(jose:decode(Body), Wanted)),
    {ok, cowboy_req:reply(200, #{<<"content-type">> => <<"application/json">>}, Verdict, Read), Wanted}.

%% What has no token's form is a password: EMQX then asks its user store. It ends a session when the token ends, and
%% takes nothing else of what a token claims.
verdict(#{<<"username">> := Username, <<"password">> := Password, <<"clientid">> := ClientId}, Wanted) ->
    case catch jose:decode(jose_jws:peek_protected(Password)) of
        #{<<"alg">> := _} = Header ->
            case catch holds(claims(Header, Password, Wanted), Username, Wanted) of
                {until, End} ->
                    case catch may_connect_as(Username, ClientId, Wanted) of
                        true -> #{result => <<"allow">>, is_superuser => false, expire_at => trunc(End)};
                        _ -> #{result => <<"deny">>}
                    end;
                _ -> #{result => <<"deny">>}
            end;
        _ -> #{result => <<"ignore">>}
    end.

%% The rule of the schema's mqtt_may_connect_as. Who has other client ids given is asked for only where that says no.
may_connect_as(_, _, #{ids := "any"}) -> true;
may_connect_as(Username, Username, #{ids := "username"}) -> true;
may_connect_as(Username, ClientId, #{ids := Ids, node := Node}) ->
    Plain = binary:match(Username, <<":">>) =:= nomatch, % the name x:y itself is one of x's ids
    Ids =:= "prefix" andalso Plain andalso string:prefix([ClientId, ":"], [Username, ":"]) =/= nomatch orelse
        given(Username, ClientId, Node).

given(Username, ClientId, Node) ->
    [Id] = ask(Node, emqx_resource, list_instances_by_type, [emqx_postgresql]),
    Question = {prepared_query, Id, [Username, ClientId]},
    {ok, _, [{_, _, _, Given}]} = ask(Node, emqx_resource, simple_sync_query, [Id, Question]),
    Given.

%% RFC 7519. A list of extensions that have to be understood makes a token unfit: none is.
claims(Header, Token, #{unknown := Unknown}) when not is_map_key(<<"crit">>, Header) ->
    Known = persistent_term:get(keys, []),
    Fit = [Jwk || {Key, Jwk} <- Known, same(<<"kid">>, Key, Header), same(<<"alg">>, Key, Header)],
    case [Payload || Jwk <- Fit, {true, Payload, _} <- [catch jose_jws:verify_strict(Jwk, algorithms(), Token)]] of
        [Payload | _] -> jose:decode(Payload);
        [] -> atomics:put(Unknown, 1, 1), unknown
    end.

same(Name, Key, Header) ->
    case {Key, Header} of
        {#{Name := One}, #{Name := Other}} -> One =:= Other;
        _ -> true
    end.

%% Those whose key everybody may know. Ed25519 is not among them: jose takes 7 ms for one.
algorithms() ->
    [<<Family/binary, Bits/binary>> ||
        Family <- [<<"RS">>, <<"PS">>, <<"ES">>], Bits <- [<<"256">>, <<"384">>, <<"512">>]].

holds(Claims, Username, #{issuer := Issuer, audience := Audience, name := Name}) ->
    Now = erlang:system_time(second),
    Began = fun(Claim) -> Time = maps:get(Claim, Claims, Now), is_number(Time) andalso Time =< Now + ?SKEW end,
    case Claims of
        #{<<"iss">> := Issuer, <<"aud">> := For, Name := Username, <<"exp">> := End} when
            Username =/= <<>>, is_number(End), End > Now
        ->
            lists:member(Audience, lists:flatten([For])) andalso Began(<<"nbf">>) andalso Began(<<"iat">>) andalso
                {until, End};
        _ -> false
    end.

%% An issuer that goes is no reason to forget its keys.
keep_keys(Unknown, Asked, Was) ->
    timer:sleep(?TICK),
    Age = now_ms() - Asked,
    Due = Age >= ?KEYS orelse Age >= ?KEYS_SOON andalso (Was =:= lost orelse atomics:get(Unknown, 1) =:= 1),
    case Due of
        true ->
            atomics:put(Unknown, 1, 0),
            keep_keys(Unknown, now_ms(), ask_keys(Was));
        false -> keep_keys(Unknown, Asked, Was)
    end.

ask_keys(Was) ->
    Options = [{timeout, 2 * ?LIMIT}, {autoredirect, false}, {ssl, verified()}],
    try
        Request = {env("GATE_TOKEN_KEYS_URL"), []},
        {ok, {{_, 200, _}, _, Body}} = httpc:request(get, Request, Options, [{body_format, binary}]),
        #{<<"keys">> := All} = jose:decode(Body),
        persistent_term:put(keys, lists:append([usable(Key) || Key <- All])),
        Was =:= known orelse say("the keys of tokens are known"),
        known
    catch
        _:Reason ->
            Was =:= lost orelse say("the issuer of tokens does not give its keys: ~0P", [Reason, 20]),
            lost
    end.

usable(#{<<"kty">> := Type} = Key) when Type =:= <<"RSA">>; Type =:= <<"EC">> ->
    case {maps:get(<<"use">>, Key, <<"sig">>), catch jose_jwk:from_map(Key)} of
        {<<"sig">>, Jwk} when element(1, Jwk) =:= jose_jwk -> [{Key, Jwk}];
        _ -> []
    end;
usable(_) -> [].

%%% What others are told

say(Text) -> say(Text, []).

say(Text, Arguments) when is_list(Text) -> io:format("gate: " ++ Text ++ "~n", Arguments);
say(State, Why) -> say(State, Why, []).

%% Each state is logged once.
say(State, Why, Arguments) ->
    Now = {State, lists:flatten(io_lib:format(Why, Arguments))},
    Now =:= status() orelse State =:= serving orelse say("~s: ~s", tuple_to_list(Now)),
    persistent_term:put(gate, Now).

status() -> persistent_term:get(gate, {waiting, ""}).

serve(Port) ->
    Options = [binary, {packet, http_bin}, {active, false}, {reuseaddr, true}, {backlog, 64}],
    {ok, Listener} = gen_tcp:listen(Port, Options),
    spawn_link(fun() -> accept(Listener) end).

accept(Listener) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} -> spawn(fun() -> answer(Socket) end);
        {error, _} -> timer:sleep(100) % out of files, or gone already
    end,
    accept(Listener).

answer(Socket) ->
    case gen_tcp:recv(Socket, 0, 2000) of
        {ok, {http_request, 'GET', {abs_path, Path}, _}} ->
            {State, Why} = status(),
            gen_tcp:send(Socket, ["HTTP/1.0 ", code(Path, State), "\r\nContent-Type: text/plain\r\n\r\n", Why, "\n"]);
        _ -> ok
    end,
    gen_tcp:close(Socket).

code(<<"/alive">>, _) -> "200 OK";
code(<<"/serving">>, serving) -> "200 OK";
code(<<"/serving">>, unchecked) -> "404 Not Found";
code(<<"/serving">>, _) -> "503 Service Unavailable";
code(_, _) -> "400 Bad Request".

%%% SIGTERM

init({Gate, _}) -> {ok, Gate};
init(Gate) -> {ok, Gate}.
handle_event(sigterm, Gate) -> Gate ! sigterm, {ok, Gate};
handle_event(_, Gate) -> {ok, Gate}.
handle_call(_, Gate) -> {ok, ok, Gate}.

env(Name) ->
    case os:getenv(Name) of
        false -> say("~s is not set", [Name]), halt(1);
        Value -> Value
    end.

index() -> list_to_integer(env("GATE_INDEX")).

now_ms() -> erlang:monotonic_time(millisecond).

%% The name of this process among all that there ever were.
instance() ->
    case persistent_term:get(instance, none) of
        none ->
            Name = "gate-" ++ binary_to_list(binary:encode_hex(crypto:strong_rand_bytes(12))),
            persistent_term:put(instance, Name),
            Name;
        Name -> Name
    end.
