// The charts. They draw numbers from the JSON in the page, in the page's own colours, and redraw when those
// change: dark or light, wide or narrow, screen or paper.
"use strict";

const figures = JSON.parse(document.getElementById("figures").textContent);
const PAPER = 680;
const NARROW = 560;
const THIN = 0.08;
const TREND = 3;
const shown = new Map();

function percent(share, digits = 1) {
  return (share * 100).toFixed(digits) + "\u00a0%";
}

function level(share) {
  return Number((share * 100).toPrecision(6)) + "\u00a0%";
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "soft", "line", "raised", "surrogate", "teacher", "novel", "blocked"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}

function axis(colour, name, options) {
  return {
    type: "value",
    name,
    nameLocation: "middle",
    nameTextStyle: { color: colour.soft, fontSize: 13 },
    axisLabel: { color: colour.soft, fontSize: 12, hideOverlap: true },
    axisLine: { show: true, lineStyle: { color: colour.line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colour.line, opacity: 0.6 } },
    ...options,
  };
}

function share(colour, name, options) {
  const axisLabel = { color: colour.soft, fontSize: 12, hideOverlap: true, formatter: (value) => level(value) };
  return axis(colour, name, { axisLabel, ...options });
}

function frame(colour, series, x, y, legend, lines = 1) {
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: colour.ink },
    grid: { left: 62, right: 22, top: legend.length ? 24 + 22 * lines : 30, bottom: 50 },
    legend: { show: legend.length > 0, data: legend, left: 0, top: 0, itemGap: 18, textStyle: { color: colour.ink } },
    tooltip: tooltip(colour),
    xAxis: { nameGap: 30, ...x },
    yAxis: { nameGap: 46, ...y },
    series,
  };
}

function tooltip(colour) {
  return {
    trigger: "item",
    confine: true,
    backgroundColor: colour.raised,
    borderColor: colour.line,
    textStyle: { color: colour.ink, fontSize: 13 },
  };
}

// Where requests go: [reason, how many, where to, colour, percentage], those that there are.
function ways(colour) {
  const { total, answered, low_score, novel, blocked, certified } = figures.flow;
  const parts = figures.flow_parts;
  const there = [
    ["certain enough", answered, "answered", colour.surrogate, parts.answered],
    ["score too low", low_score, "deferred", colour.teacher, parts.low_score],
    ["novel", novel, "deferred", colour.novel, parts.novel],
    ["label blocked", blocked, "deferred", colour.blocked, parts.blocked],
  ];
  const none = [["no target passed", total, "deferred", colour.teacher, percent(1)]];
  return (certified ? there : none).filter(([, number]) => number > 0);
}

// Nodes of the same diagram: [name, how many, colour, percentage].
function stations(colour, there) {
  const { here, teacher } = figures.flow_parts;
  const ends = [["answered", colour.surrogate, here], ["deferred", colour.teacher, teacher]];
  const reach = (end) => there.reduce((sum, [, number, to]) => sum + (to === end ? number : 0), 0);
  return [
    ["requests", figures.flow.total, colour.soft, percent(1)],
    ...there.map(([name, number, , tint, share]) => [name, number, tint, share]),
    ...ends.map(([end, tint, share]) => [end, reach(end), tint, share]).filter(([, number]) => number > 0),
  ];
}

function flow(colour, width) {
  const total = figures.flow.total;
  const there = ways(colour);
  const nodes = stations(colour, there);
  const shares = new Map(nodes.map(([name, , , share]) => [name, share]));
  const narrow = width < NARROW;
  const isEnd = (name) => there.some(([, , end]) => end === name);
  const said = (value) => value.toLocaleString("en") + " of " + total.toLocaleString("en") + ", " + percent(value / total);
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    tooltip: tooltip(colour),
    series: [{
      type: "sankey",
      left: 4, right: narrow ? 80 : 215, top: 14, bottom: 22,
      nodeWidth: 12, nodeGap: narrow ? 40 : 24, draggable: false, layoutIterations: 0,
      emphasis: { focus: "adjacency" },
      lineStyle: { color: "target", opacity: 0.35, curveness: 0.5 },
      label: {
        color: colour.ink, fontSize: narrow ? 11 : 13, lineHeight: narrow ? 14 : 17, distance: 7,
        formatter: ({ name }) => (narrow ? name + "\n" : name + "  ") + shares.get(name),
      },
      data: nodes.map(([name, number, color]) => ({
        name,
        itemStyle: { color, borderWidth: 0 },
        label: isEnd(name) || number > THIN * total ? {} : { position: "top", distance: 3 },
      })),
      links: there.flatMap(([name, value, end]) => [
        { source: "requests", target: name, value },
        { source: name, target: end, value },
      ]),
      tooltip: { formatter: ({ value }) => said(value) },
    }],
  };
}

function from(colour, threshold) {
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: colour.teacher, type: "dashed", width: 1 },
    label: {
      color: colour.teacher, fontSize: 12, position: "end", align: threshold > 0.5 ? "right" : "left",
      formatter: "answered from here",
    },
    data: [{ xAxis: threshold }],
  };
}

function frontierTip({ value }) {
  return percent(value[0]) + " answered<br>" + percent(value[1]) + " agreement";
}

function regions(colour) {
  const { observed, certified, parent } = figures.frontier;
  const line = (name, color, data, options) => ({
    name, data, type: "line", showSymbol: false, tooltip: { show: false }, itemStyle: { color }, ...options,
  });
  return [
    line("passed the gate", colour.surrogate, certified, {
      lineStyle: { color: colour.surrogate, width: 1 },
      areaStyle: { color: colour.surrogate, opacity: 0.16, origin: "start" },
    }),
    line("parent, passed", colour.novel, parent, { lineStyle: { color: colour.novel, type: "dotted", width: 2 } }),
    line("observed", colour.ink, observed, {
      symbol: "circle", symbolSize: 7, showSymbol: true, itemStyle: { color: colour.ink, opacity: 0 },
      emphasis: { itemStyle: { opacity: 1 } }, lineStyle: { color: colour.ink, width: 2, opacity: 1 },
      tooltip: { formatter: frontierTip },
    }),
  ].filter(({ data }) => data.length);
}

function ceiling(colour) {
  const said = "Answering everything: " + percent(figures.ceiling) + " agreement at most<br>(estimate)";
  return {
    name: "teacher's own ceiling", type: "line", data: [[1, figures.ceiling]], symbol: "diamond", symbolSize: 11, z: 4,
    clip: false, itemStyle: { color: colour.teacher }, tooltip: { formatter: () => said },
  };
}

function chosen(colour) {
  const { coverage, target } = figures.point;
  const right = coverage > 0.5;
  return {
    name: "chosen", type: "line", data: [[coverage, target]], symbol: "circle", symbolSize: 13, z: 5,
    itemStyle: { color: colour.surrogate, borderColor: colour.raised, borderWidth: 2 },
    label: {
      show: true, position: right ? "left" : "right", offset: [0, right ? 18 : -16], distance: 4,
      color: colour.ink, fontSize: 13, fontWeight: 600, backgroundColor: colour.raised, padding: [3, 6], borderRadius: 4,
      formatter: percent(coverage) + " at " + level(target),
    },
    tooltip: { formatter: frontierTip },
  };
}

function frontier(colour, width) {
  const lines = regions(colour);
  const lowest = Math.min(...lines.flatMap(({ data }) => data.map(([, agreement]) => agreement)));
  const floor = Math.max(0, Math.floor(lowest * 20 - 0.2) / 20);
  const named = figures.ceiling === null ? lines : [...lines, ceiling(colour)];
  const series = figures.point === null ? named : [...named, chosen(colour)];
  const legend = named.map(({ name }) => ({
    name, icon: name.startsWith("teacher") ? "diamond" : "roundRect", itemStyle: { opacity: 1 },
  }));
  const agreement = { min: floor, max: 1, interval: floor < 0.7 ? 0.1 : 0.05 };
  return frame(colour, series, share(colour, "requests answered", { min: 0, max: 1 }),
    share(colour, "agreement", agreement), legend, width < NARROW ? Math.ceil(legend.length / 3) : 1);
}

function bars(colour) {
  return {
    type: "custom",
    silent: true,
    data: figures.reliability.map(({ score, low, high }) => [score, low, high]),
    encode: { x: 0, y: [1, 2] },
    renderItem: (_, api) => {
      const [x, bottom] = api.coord([api.value(0), api.value(1)]);
      const top = api.coord([api.value(0), api.value(2)])[1];
      const style = { stroke: colour.surrogate, lineWidth: 1.5, opacity: 0.7 };
      const bar = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style });
      return { type: "group", children: [bar(x, bottom, x, top), bar(x - 4, bottom, x + 4, bottom), bar(x - 4, top, x + 4, top)] };
    },
  };
}

function dots(colour) {
  const most = Math.max(...figures.reliability.map(({ rows }) => rows));
  const said = ({ score, agreement, low, high, rows }) => "score " + percent(score) + "<br>agreement " + percent(agreement) +
    " (" + percent(low) + " to " + percent(high) + ")<br>" + rows.toLocaleString("en") + " traces";
  return {
    type: "line", z: 4, lineStyle: { width: 0 }, symbol: "circle", itemStyle: { color: colour.surrogate },
    data: figures.reliability.map((bin) => ({
      bin, value: [bin.score, bin.agreement], symbolSize: 6 + 12 * Math.sqrt(bin.rows / most),
    })),
    tooltip: { formatter: ({ data }) => said(data.bin) },
  };
}

function reliability(colour) {
  const diagonal = {
    type: "line", data: [[0, 0], [1, 1]], symbol: "none", silent: true, tooltip: { show: false },
    lineStyle: { color: colour.soft, type: "dashed", width: 1 },
    markLine: figures.point === null ? undefined : from(colour, figures.point.threshold),
  };
  return frame(colour, [diagonal, bars(colour), dots(colour)], share(colour, "score", { min: 0, max: 1 }),
    share(colour, "observed agreement", { min: 0, max: 1 }), []);
}

// Points where fits were made; a line joins them only where there are enough to show a trend.
function curve(colour) {
  const joined = figures.curve.length >= TREND;
  const tints = [colour.surrogate, colour.teacher, colour.novel, colour.blocked, colour.ink];
  const targets = Object.keys(figures.curve[figures.curve.length - 1].coverage);
  const series = targets.map((name, place) => ({
    name: "at " + level(Number(name)), type: "line", symbol: "circle", symbolSize: 10,
    itemStyle: { color: tints[place % tints.length] },
    lineStyle: { color: tints[place % tints.length], width: joined ? 1 : 0, type: "dashed" },
    data: figures.curve.map(({ traces, coverage }) => [traces, coverage[name] ?? 0]),
    tooltip: { formatter: ({ value }) => value[0].toLocaleString("en") + " traces<br>" + percent(value[1]) + " answered" },
  }));
  const traces = axis(colour, "traces", { min: 0 });
  traces.axisLabel.formatter = (value) => value.toLocaleString("en");
  return frame(colour, series, traces, share(colour, "requests answered", { min: 0, max: 1 }), series.map(({ name }) => name));
}

const CHARTS = { "flow-chart": flow, "frontier-chart": frontier, "reliability-chart": reliability, "curve-chart": curve };

function draw(width) {
  const colour = colours();
  for (const [id, option] of Object.entries(CHARTS)) {
    const place = document.getElementById(id);
    if (place === null) continue;
    if (!shown.has(id)) shown.set(id, echarts.init(place, null, { renderer: "svg" }));
    const chart = shown.get(id);
    chart.resize({ width: width ?? "auto" });
    chart.setOption(option(colour, chart.getWidth()), { notMerge: true });
  }
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
matchMedia("print").addEventListener("change", ({ matches }) => draw(matches ? PAPER : undefined));
new ResizeObserver(() => matchMedia("print").matches || draw()).observe(document.querySelector("main"));
