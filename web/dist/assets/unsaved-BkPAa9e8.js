import{j as u,U as o,W as i}from"./index-DzzPelmg.js";function l(e,a,r){u(()=>{if(!e)return;const s=o.value;return i(n=>(r??(t=>t.split("?")[0]===s))(n)?null:a)})}export{l as u};
